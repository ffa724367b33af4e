//! The OpenAPI document as one HTML page.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::Value;

use crate::http::problem::Kind;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--accent:#0a7}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.7rem 1rem;overflow-x:auto;border-radius:6px}
article{border:1px solid var(--line);border-radius:8px;padding:.2rem 1rem 1rem;margin:1rem 0}
article h3{font:600 15px/1.6 ui-monospace,monospace;overflow-wrap:anywhere}
.m{display:inline-block;min-width:4.5rem;color:var(--accent)}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.25rem .7rem .25rem 0;border-top:1px solid var(--soft)}
th{font-weight:600}td:first-child{white-space:nowrap}nav a{display:block;text-decoration:none;overflow-wrap:anywhere}
caption{text-align:left;font-weight:600;padding-top:.5rem}.r{color:#c50;font-size:.85em}
";

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A text with what HTML reads as markup escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// One operation of the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    operation: &'a Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let path: String = self.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{}{path}", self.method)
    }
}

/// The page of a document.
pub(super) fn render(api: &Value) -> String {
    let mut page = String::new();
    // A String takes every write.
    let _ = write_page(&mut page, api);
    page
}

fn write_page(out: &mut String, api: &Value) -> fmt::Result {
    let title = text(&api["info"]["title"]);
    write!(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")?;
    write!(out, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")?;
    write!(out, "<title>{title} HTTP API</title><style>{STYLE}</style></head><body>", title = Escaped(title))?;
    write!(out, "<h1>{} {}</h1>", Escaped(title), Escaped(text(&api["info"]["version"])))?;
    write!(out, "<p>{}</p>", Escaped(text(&api["info"]["description"])))?;
    write!(out, "<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>")?;
    let groups = by_tag(api);
    write_contents(out, &groups)?;
    for (tag, operations) in &groups {
        write!(out, "<h2 id=\"{0}\">{0}</h2>", Escaped(tag))?;
        write!(out, "<p>{}</p>", Escaped(tag_description(api, tag)))?;
        for operation in operations {
            write_operation(out, operation)?;
        }
    }
    write_schemas(out, api)?;
    write_problems(out)?;
    out.write_str("</body></html>\n")
}

/// The operations of each tag, tags in the order of the document's list.
fn by_tag(api: &Value) -> Vec<(&str, Vec<Operation<'_>>)> {
    let mut groups: Vec<(&str, Vec<Operation<'_>>)> =
        items(&api["tags"]).map(|tag| (text(&tag["name"]), Vec::new())).collect();
    for (path, methods) in fields(&api["paths"]) {
        for method in METHODS {
            let Some(operation) = methods.get(method) else { continue };
            let tag = text(&operation["tags"][0]);
            let place = groups.iter().position(|(name, _)| *name == tag).unwrap_or_else(|| {
                groups.push((tag, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(Operation { method, path, operation });
        }
    }
    groups.retain(|(_, operations)| !operations.is_empty());
    groups
}

fn tag_description<'a>(api: &'a Value, tag: &str) -> &'a str {
    items(&api["tags"]).find(|entry| text(&entry["name"]) == tag).map_or("", |entry| text(&entry["description"]))
}

fn write_contents(out: &mut String, groups: &[(&str, Vec<Operation<'_>>)]) -> fmt::Result {
    out.write_str("<nav>")?;
    for (tag, operations) in groups {
        write!(out, "<p><a href=\"#{0}\"><b>{0}</b></a></p>", Escaped(tag))?;
        for operation in operations {
            write!(
                out,
                "<a href=\"#{}\"><code><span class=\"m\">{}</span> {}</code></a>",
                operation.anchor(),
                operation.method.to_uppercase(),
                Escaped(operation.path)
            )?;
        }
    }
    out.write_str("<p><a href=\"#schemas\"><b>bodies</b></a> <a href=\"#problems\"><b>problems</b></a></p></nav>")
}

fn write_operation(out: &mut String, entry: &Operation<'_>) -> fmt::Result {
    let (operation, method) = (entry.operation, entry.method.to_uppercase());
    write!(out, "<article id=\"{}\">", entry.anchor())?;
    write!(out, "<h3><span class=\"m\">{method}</span> {}</h3>", Escaped(entry.path))?;
    write!(out, "<p>{}</p>", Escaped(text(&operation["summary"])))?;
    for paragraph in text(&operation["description"]).split("\n\n").filter(|text| !text.is_empty()) {
        write!(out, "<p>{}</p>", Escaped(paragraph))?;
    }
    write_parameters(out, &operation["parameters"])?;
    for (media, content) in fields(&operation["requestBody"]["content"]) {
        write!(out, "<p>Body <code>{}</code>: {}</p>", Escaped(media), Type(&content["schema"]))?;
        write_example(out, content)?;
    }
    out.write_str("<table><caption>Answers</caption>")?;
    for (status, answer) in fields(&operation["responses"]) {
        write!(out, "<tr><td><b>{}</b></td>", Escaped(status))?;
        write!(out, "<td>{}</td><td>", Escaped(text(&answer["description"])))?;
        for (media, content) in fields(&answer["content"]) {
            write!(out, "{} <code>{}</code>", Type(&content["schema"]), Escaped(media))?;
            write_example(out, content)?;
        }
        out.write_str("</td></tr>")?;
    }
    out.write_str("</table></article>")
}

fn write_parameters(out: &mut String, parameters: &Value) -> fmt::Result {
    if items(parameters).next().is_none() {
        return Ok(());
    }
    out.write_str("<table><caption>Parameters</caption>")?;
    for parameter in items(parameters) {
        let required = if parameter["required"] == true { " <span class=\"r\">required</span>" } else { "" };
        write!(
            out,
            "<tr><td><code>{}</code>{required}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(text(&parameter["name"])),
            Escaped(text(&parameter["in"])),
            Type(&parameter["schema"]),
            Escaped(text(&parameter["description"]))
        )?;
    }
    out.write_str("</table>")
}

fn write_example(out: &mut String, content: &Value) -> fmt::Result {
    match content.get("example") {
        Some(example) => write_json(out, example),
        None => Ok(()),
    }
}

fn write_json(out: &mut String, value: &Value) -> fmt::Result {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    write!(out, "<pre>{}</pre>", Escaped(&pretty))
}

fn write_schemas(out: &mut String, api: &Value) -> fmt::Result {
    out.write_str("<h2 id=\"schemas\">Bodies</h2>")?;
    let schemas: BTreeMap<&str, &Value> = fields(&api["components"]["schemas"]).collect();
    for (name, schema) in schemas {
        write!(out, "<article id=\"schema-{0}\"><h3>{0}</h3>", Escaped(name))?;
        write!(out, "<p>{}</p><table>", Escaped(text(&schema["description"])))?;
        for (field, property) in fields(&schema["properties"]) {
            let required = items(&schema["required"]).any(|required| text(required) == field);
            let required = if required { " <span class=\"r\">required</span>" } else { "" };
            write!(out, "<tr><td><code>{}</code>{required}</td>", Escaped(field))?;
            write!(out, "<td>{}</td><td>{}</td></tr>", Type(property), Escaped(text(&property["description"])))?;
        }
        out.write_str("</table>")?;
        write_example(out, schema)?;
        out.write_str("</article>")?;
    }
    Ok(())
}

fn write_problems(out: &mut String) -> fmt::Result {
    out.write_str("<h2 id=\"problems\">Problems</h2><p>What went wrong, as <code>application/problem+json</code> (RFC 9457).</p><table>")?;
    for kind in Kind::ALL {
        let (slug, status, title) = (kind.slug(), kind.status().as_u16(), kind.title());
        write!(out, "<tr id=\"problem-{slug}\"><td><code>{slug}</code></td><td>{status}</td><td>{title}.</td></tr>")?;
    }
    out.write_str("</table>")
}

/// A schema in a few words, linked where it has a name.
struct Type<'a>(&'a Value);

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.0;
        if let Some(name) = text(&schema["$ref"]).rsplit_once('/').map(|(_, name)| name) {
            return write!(f, "<a href=\"#schema-{0}\">{0}</a>", Escaped(name));
        }
        let choices = if schema["oneOf"].is_array() { &schema["oneOf"] } else { &schema["type"] };
        let Some(choices) = choices.as_array() else {
            return write!(f, "{}", Named(schema, text(choices)));
        };
        for (place, choice) in choices.iter().enumerate() {
            f.write_str(if place > 0 { " or " } else { "" })?;
            match choice.as_str() {
                Some(name) => write!(f, "{}", Named(schema, name))?,
                None => write!(f, "{}", Type(choice))?,
            }
        }
        Ok(())
    }
}

/// A schema of a known simple type.
struct Named<'a>(&'a Value, &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            "array" => write!(f, "list of {}", Type(&self.0["items"])),
            name => write!(f, "{}", Escaped(name)),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let api = json!({"info": {"title": "<b>&\"", "version": "1"}, "paths": {"/a/{<i>}": {"get": {"tags": ["t"],
            "summary": "<script>", "parameters": [{"name": "<p", "in": "query", "schema": {"type": ["array", "null"],
            "items": {"$ref": "#/x/Y"}}}], "responses": {}}}}});
        let page = render(&api);
        assert!(page.contains("&lt;b&gt;&amp;&quot;") && page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(page.contains("list of <a href=\"#schema-Y\">Y</a> or null"));
    }
}
