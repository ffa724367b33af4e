//! What a session makes of requests in any order.

use super::super::session::{Heard, Session};
use super::*;

fn answer(session: &mut Session, world: &World) -> Option<(String, usize)> {
    let answer = session.answer(&world.app.registry.snapshot(), world.app.registry.now())?;
    Some((answer.nonce, answer.resources.len()))
}

#[tokio::test]
async fn a_session_hears_what_the_protocol_says() {
    let world = World::new();
    let mut session = Session::default();
    assert_eq!(answer(&mut session, &world), None, "nothing is wanted yet");
    // An earlier stream, perhaps with another server, had a nonce of its own.
    assert_eq!(session.hear(request(&["a"], "v", "77")), Heard::Begun);
    assert_eq!(session.hear(request(&["a", "b"], "v", "")), Heard::Begun);
    assert_eq!(answer(&mut session, &world), Some(("1".into(), 2)));
    assert_eq!(session.hear(request(&["a", "b", "c"], "v", "")), Heard::Stale);
    assert_eq!(answer(&mut session, &world), None, "one is under way");
    assert_eq!(session.hear(request(&["a", "b", "c"], "v", "1")), Heard::Acknowledged);
    assert_eq!(answer(&mut session, &world), Some(("2".into(), 1)));
    assert_eq!(session.hear(rejection(&["a", "b", "c"], "2", "no")), Heard::Rejected("no".into()));
    assert_eq!(session.hear(rejection(&["a", "b", "c"], "2", "no")), Heard::Begun, "it was said already");
    assert_eq!(answer(&mut session, &world), None, "not again as it is");
    session.changed("c");
    session.changed("never heard of");
    assert_eq!(answer(&mut session, &world), None, "it is no other");
    assert_eq!(session.hear(request(&[], "v", "2")), Heard::Begun);
    assert_eq!(session.waits().count(), 0);
}
