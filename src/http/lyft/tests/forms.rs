//! Bodies of every kind, and the address a registration comes from.

use super::*;

const BOUNDARY: &str = "multipart/form-data; boundary=XX";

fn with_body(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method("POST").uri(path);
    if !content_type.is_empty() {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    request.body(body.into()).expect("a request")
}

fn parts(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body + "--XX--\r\n"
}

#[tokio::test]
async fn bodies() {
    let good = fields_with(&[]);
    let urlencoded = "ip=10.0.0.1&port=80&revision=abc&tags=%7B%22az%22:1,%22instance_id%22:1,%22region%22:1%7D";
    let json = format!(r#"{{"ip":"10.0.0.1","port":80,"revision":"abc","tags":{TAGS}}}"#);
    let json_text = format!(r#"{{"ip":"10.0.0.1","port":"80","revision":7,"tags":{TAGS:?}}}"#);
    let file = parts(&good).replace("name=\"ip\"", "name=\"ip\"; filename=\"f\"");
    let rows = [
        ("application/x-www-form-urlencoded", urlencoded.to_owned(), 200, "{}\n"),
        ("application/x-www-form-urlencoded; charset=UTF-8", urlencoded.to_owned(), 200, "{}\n"),
        (
            "application/x-www-form-urlencoded",
            format!("{urlencoded}&ip=x"),
            400,
            "{\"error\":\"ip: must be given once\"}\n",
        ),
        (
            "application/x-www-form-urlencoded",
            format!("{urlencoded}&auto_ip=%FF"),
            400,
            "{\"error\":\"auto_ip: must be UTF-8\"}\n",
        ),
        (BOUNDARY, parts(&good), 200, "{}\n"),
        ("application/json", json.clone(), 200, "{}\n"),
        ("application/json; charset=utf-8", json_text, 200, "{}\n"),
        ("application/x-www-form-urlencoded", String::new(), 400, "{}\n"),
        ("application/x-www-form-urlencoded", "&&&=%%%\u{0}&".into(), 400, "{}\n"),
        (BOUNDARY, file, 400, "{}\n"),
        (BOUNDARY, "--XX\r\nContent-Disp".into(), 400, "{}\n"),
        ("multipart/form-data", parts(&good), 400, "{}\n"),
        ("", urlencoded.to_owned(), 400, "{}\n"),
        ("text/plain", json, 400, "{}\n"),
        ("application/json", "{}".into(), 400, "{}\n"),
        ("application/json", r#"{"ip":null,"port":null,"tags":null}"#.into(), 400, "{}\n"),
        ("application/json", r#"{"ip":["10.0.0.1"]}"#.into(), 400, "{\"error\":\"ip: must be text\"}\n"),
    ];
    for (content_type, body, status, expected) in rows {
        let answer = Server::new().send(with_body("/v1/registration/web", content_type, body.clone())).await;
        assert!(answer.is(status, expected), "{content_type} {body}: {answer:?}");
    }
    for body in ["", "[]", "{", "{\"ip\":NaN}"] {
        let answer = Server::new().send(with_body("/v1/registration/web", "application/json", body)).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.starts_with("body: must be a JSON object") && !error.contains("expected a map"), "{error}");
    }
}

#[tokio::test]
async fn the_query_is_not_read() {
    let path = "/v1/registration/web?ip=10.0.0.1&port=80&revision=a";
    assert!(Server::new().post(path, &[]).await.is(400, "{}\n"));
}

#[tokio::test]
async fn a_body_past_its_bound() {
    let server = Server::new();
    for content_type in ["application/x-www-form-urlencoded", BOUNDARY, "application/json", "text/plain"] {
        for path in ["/v1/registration/web", "/v1/loadbalancing/web"] {
            let answer = server.send(with_body(path, content_type, "x".repeat(70_000))).await;
            assert!(answer.is(413, "{\"error\":\"the body must be at most 65536 octets\"}\n"), "{answer:?}");
        }
    }
}

/// The header, the socket peer, whether the header is trusted, and the address that is registered.
type Row = (Option<&'static str>, Option<&'static str>, bool, Option<&'static str>);

#[tokio::test]
async fn auto_ip() {
    let rows: [Row; 15] = [
        (Some("192.168.216.186"), None, true, Some("192.168.216.186")),
        (Some("192.168.0.0,192.168.216.186"), None, true, Some("192.168.216.186")),
        (Some("a.b.c.d , 192.168.0.7 "), Some("10.0.0.9:1"), true, Some("192.168.0.7")),
        (Some("0.168.216.186"), None, true, None),
        (Some("192.169.216.186"), None, true, None),
        (Some("192.168.256.186"), None, true, None),
        (Some("192.168.216.256"), None, true, None),
        (Some("a.b.c.d"), Some("192.168.1.1:1"), true, None),
        (Some(""), Some("192.168.1.1:1"), true, None),
        (None, Some("192.168.1.1:1"), true, Some("192.168.1.1")),
        (Some("192.168.216.186"), Some("192.168.1.1:1"), false, Some("192.168.1.1")),
        (Some("192.168.216.186"), Some("10.0.0.9:1"), false, None),
        (None, Some("[::ffff:192.168.1.1]:1"), false, Some("192.168.1.1")),
        (None, Some("[fd00::1]:1"), false, None),
        (None, None, false, None),
    ];
    for (forwarded, peer, trusted, registered) in rows {
        let server = Server::with(Durability::Immediate, |settings| settings.trust_forwarded_for = trusted);
        let mut request = form("/v1/registration/web", &fields_with(&[("ip", None), ("auto_ip", Some("false"))]));
        if let Some(forwarded) = forwarded {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().expect("a header"));
        }
        if let Some(peer) = peer {
            request = from_peer(request, peer);
        }
        let answer = server.send(request).await;
        let status = if registered.is_some() { 200 } else { 400 };
        assert!(answer.is(status, "{}\n"), "{forwarded:?} {peer:?} {trusted}: {answer:?}");
        assert_eq!(server.addresses("web").await, Vec::from_iter(registered), "{forwarded:?} {peer:?} {trusted}");
    }
}

#[tokio::test]
async fn an_explicit_ip_wins_and_an_empty_auto_ip_is_none() {
    let rows: [(Changed, u16, &[&str]); 4] = [
        (&[("auto_ip", Some("1"))], 200, &["10.0.0.1"]),
        (&[("ip", Some("")), ("auto_ip", Some("1"))], 200, &["192.168.1.1"]),
        (&[("ip", None), ("auto_ip", Some(""))], 400, &[]),
        (&[("ip", None)], 400, &[]),
    ];
    for (changed, status, registered) in rows {
        let server = Server::new();
        let request = from_peer(form("/v1/registration/web", &fields_with(changed)), "192.168.1.1:9");
        assert!(server.send(request).await.is(status, "{}\n"), "{changed:?}");
        assert_eq!(server.addresses("web").await, registered, "{changed:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever is sent, the answer is one of the API's, and what was refused changed nothing.
    #[test]
    fn any_body_gets_an_answer(
        kind in 0_usize..4,
        changed in 0_usize..4,
        value in "(\\PC|[{}\\[\\]\",:0-9+_ -]|\r\n|--XX){0,40}",
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        let field = ["ip", "port", "revision", "tags"][changed];
        let fields = fields_with(&[(field, Some(&value))]);
        let mut request = match kind {
            0 => form("/v1/registration/web", &fields),
            1 => with_body("/v1/registration/web", BOUNDARY, parts(&fields)),
            2 => {
                let object: serde_json::Map<String, Value> =
                    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
                with_body("/v1/registration/web", "application/json", Value::Object(object).to_string())
            }
            _ => with_body("/v1/registration/web", BOUNDARY, noise),
        };
        request.headers_mut().insert("x-forwarded-for", "192.168.0.1".parse().expect("a header"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let server = Server::new();
            let answer = server.send(request).await;
            assert!([200, 400].contains(&answer.status), "{answer:?}");
            assert_eq!(server.hosts("web").await.len(), usize::from(answer.status == 200));
        });
    }
}
