//! What a session makes of requests in any order.

use super::super::answer::Form;
use super::super::session::{Heard, Session};
use super::*;
use crate::registry::SubmitError;
use crate::table::{Dialect, Event, HostId, Registration, ServiceName, Target};

async fn answer(session: &mut Session, world: &World) -> Option<(String, usize)> {
    let due = session.due(&world.app.registry.snapshot());
    let made = world.app.encodings.of(due, Form::Wire, &world.app.registry).await.expect("there is room");
    let answer = session.answer(made)?;
    Some((answer.nonce, answer.resources.len()))
}

#[tokio::test]
async fn a_session_hears_what_the_protocol_says() {
    let world = World::new();
    let mut session = Session::default();
    assert_eq!(answer(&mut session, &world).await, None, "nothing is wanted yet");
    // An earlier stream, perhaps with another server, had a nonce of its own.
    assert_eq!(session.hear(request(&["a"], "v", "77")), Heard::Begun);
    assert_eq!(session.hear(request(&["a", "b"], "v", "")), Heard::Begun);
    assert_eq!(answer(&mut session, &world).await, Some(("1".into(), 2)));
    assert_eq!(session.hear(request(&["a", "b", "c"], "v", "")), Heard::Stale);
    assert_eq!(answer(&mut session, &world).await, None, "one is under way");
    assert_eq!(session.hear(request(&["a", "b", "c"], "v", "1")), Heard::Acknowledged);
    assert_eq!(answer(&mut session, &world).await, Some(("2".into(), 1)));
    assert_eq!(session.hear(rejection(&["a", "b", "c"], "2", "no")), Heard::Rejected("no".into()));
    assert_eq!(session.hear(rejection(&["a", "b", "c"], "2", "no")), Heard::Begun, "it was said already");
    assert_eq!(answer(&mut session, &world).await, None, "not again as it is");
    session.changed("c");
    session.changed("never heard of");
    assert_eq!(answer(&mut session, &world).await, None, "it is no other");
    assert_eq!(session.hear(request(&[], "v", "2")), Heard::Begun);
    assert_eq!(session.waits().count(), 0);
}

#[tokio::test]
async fn many_rows_are_divided_among_answers() {
    let world = World::new();
    let text = |text: &str| ServiceName::parse("service", text).expect("a name");
    let host = |number: usize| {
        let id = HostId::parse("id", &number.to_string()).expect("an id");
        let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
        let host = Registration::new(text("web"), Dialect::Native, id, target);
        Ok::<_, SubmitError>(Event::Register(Box::new(host)))
    };
    let rows = 2000;
    world.app.registry.submit_with(|_, _| (0..rows).map(host).collect()).await.expect("is taken");
    let names: Vec<String> = (0..limits::EDS_ROWS / rows + 50).map(|number| format!("web:p{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut session = Session::default();
    session.hear(request(&names, "", ""));
    assert_eq!(answer(&mut session, &world).await, Some(("1".into(), limits::EDS_ROWS / rows)));
    assert!(!session.has_more(), "one is under way");
    session.hear(request(&names, "", "1"));
    assert!(session.has_more());
    assert_eq!(answer(&mut session, &world).await, Some(("2".into(), 50)));
    session.hear(request(&names, "", "2"));
    assert!(!session.has_more());
    world.call("POST", POLL, &json!({"resource_names": names}), 429).await;
}
