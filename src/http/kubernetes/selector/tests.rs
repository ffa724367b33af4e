use std::borrow::Cow;

use super::*;

fn labels(pairs: &[(&'static str, &'static str)]) -> LabelMap<'static> {
    pairs.iter().map(|(key, value)| (*key, Cow::Borrowed(*value))).collect()
}

/// Whether a selector takes `app=web,tier=front,empty=,size=10`.
fn takes(selector: &str) -> bool {
    let labels = labels(&[("app", "web"), ("tier", "front"), ("empty", ""), ("size", "10"), ("in", "x")]);
    Labels::parse(selector).expect(selector).takes(&labels)
}

#[test]
fn the_whole_grammar_is_read() {
    for yes in [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        " app = web , tier == front ",
        "app!=api",
        "nope!=x",
        "!nope",
        "! nope",
        "app in (web)",
        "app in (api,web)",
        "app in ( api , web )",
        "app notin (api)",
        "nope notin (api)",
        "app,tier,!nope",
        "empty=",
        "empty",
        "empty=,app=web",
        "empty in (,)",
        "empty in (a,)",
        "empty in (,a)",
        "app notin (,)",
        "size>9",
        "size<11",
        "size > 9,size < 11",
        "in=x",
        "in in (x,in)",
        "in",
    ] {
        assert!(takes(yes), "{yes:?}");
    }
    for no in [
        "app=api",
        "app!=web",
        "!app",
        "nope",
        "app in (api)",
        "app notin (web,api)",
        "nope in (x)",
        "nope=",
        "app=",
        "app=web,tier=back",
        "size>10",
        "size<10",
        "app>1",
        "nope>1",
        "empty notin (,)",
    ] {
        assert!(!takes(no), "{no:?}");
    }
}

#[test]
fn what_is_no_selector_is_refused_in_the_words_of_kubernetes() {
    for (text, why) in [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        (
            "a>b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ] {
        assert_eq!(Labels::parse(text), Err(why.into()), "{text:?}");
    }
    let long = "x".repeat(64);
    for text in [
        "-a=b",
        "a=-b",
        "a/b/c=d",
        "/a",
        "a/",
        "A.b/c-",
        "UPPER/a",
        "a=é",
        "é=a",
        "a in (b,c-)",
        "a=b!c",
        "a><b",
        "a in ()",
        &format!("a={long}"),
        &format!("{long}=a"),
    ] {
        assert!(Labels::parse(text).is_err(), "{text:?}");
    }
    assert!(Labels::parse(&vec!["a"; 257].join(",")).is_err());
    assert!(Labels::parse("Example.com/a").is_err() && Labels::parse("example.com/A_b.c=X_y.z").is_ok());
}

#[test]
fn the_one_value_that_a_label_must_have_is_known() {
    let only = |text: &str| Labels::parse(text).expect(text).only("app").map(str::to_owned);
    assert_eq!(only("app=web"), Some("web".into()));
    assert_eq!(only("x,app in (web)"), Some("web".into()));
    for none in ["", "app", "app!=web", "app in (web,api)", "tier=web"] {
        assert_eq!(only(none), None, "{none}");
    }
}

#[test]
fn fields_are_the_name_and_the_namespace() {
    let takes = |text: &str| Fields::parse(text).expect(text).takes("prod", "web");
    for yes in [
        "",
        "metadata.name=web",
        "metadata.name==web,metadata.namespace=prod",
        "metadata.name!=api",
        "metadata.namespace!=default",
        ",metadata.name=web,",
    ] {
        assert!(takes(yes), "{yes:?}");
    }
    for no in ["metadata.name=api", "metadata.name!=web", "metadata.name=web,metadata.namespace=x", "metadata.name="] {
        assert!(!takes(no), "{no:?}");
    }
    assert_eq!(Fields::parse("metadata.name=a\\,b\\=c\\\\").expect("escaped").name(), Some("a,b=c\\"));
    assert_eq!(Fields::parse("metadata.name!=a").expect("unequal").name(), None);
    for (text, why) in [
        ("nope", "invalid selector: 'nope'; can't understand 'nope'"),
        ("spec.x=1", "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: ="),
        ("metadata.name=\\x", "invalid field selector: invalid escape sequence: \\x"),
    ] {
        assert_eq!(Fields::parse(text), Err(why.into()), "{text}");
    }
}
