//! Services of the machine, as a program says that stands for systemd.

use super::*;

fn net(systemctl: Option<&str>) -> Net {
    Net::new(Settings { systemctl: systemctl.map(Into::into), ..Settings::default() }, clock())
}

const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fakes/systemctl");

async fn state(net: &Net, unit: &str) -> (Status, String) {
    let unit = CheckKind::parse_os_service("os_service", unit).expect("a unit");
    probe(net, nobody(), CheckKind::OsService(unit)).await
}

#[tokio::test]
async fn the_state_of_a_unit_is_the_verdict() {
    let net = net(Some(FAKE));
    for (unit, status, said) in [
        ("running.service", Status::Passing, "active (running)"),
        ("running", Status::Passing, "active (running)"),
        ("starting", Status::Warning, "activating (start-pre)"),
        ("reloading", Status::Warning, "reloading (reload)"),
        ("stopping", Status::Warning, "deactivating (stop-sigterm)"),
        ("restarting", Status::Critical, "activating (auto-restart)"),
        ("failed", Status::Critical, "failed (failed)"),
        ("stopped", Status::Critical, "inactive (dead)"),
        ("masked", Status::Critical, "inactive (dead), masked"),
        ("unheard-of.timer", Status::Critical, "inactive (dead), not-found"),
        ("1", Status::Critical, "inactive (dead), not-found"),
    ] {
        let suffix = if unit.contains('.') { "" } else { ".service" };
        assert_eq!(state(&net, unit).await, (status, format!("OS service {unit}{suffix}: {said}")));
    }
}

#[tokio::test]
async fn where_nothing_is_said_the_reason_is() {
    let (status, output) = state(&net(Some(FAKE)), "bus").await;
    let said = "systemctl does not say (exit status: 1): Failed to connect to bus: No such file or directory";
    assert_eq!((status, output), (Status::Critical, format!("OS service bus.service: {said}")));
    let (status, output) = state(&net(Some("/nonexistent/systemctl")), "running").await;
    let said = "there is no systemctl on the machine of the server";
    assert_eq!((status, output), (Status::Critical, format!("OS service running.service: {said}")));
    let (status, output) = state(&net(None), "running").await;
    assert!(status == Status::Critical && output.contains("check_os_services"), "{output}");
}

#[tokio::test]
async fn a_program_that_does_not_end_ends_with_the_probe() {
    let net = net(Some(FAKE));
    let (status, output) = state(&net, "endless").await;
    assert_eq!(status, Status::Critical);
    assert!(output.contains("systemctl does not say") && output.len() < 200, "{output}");
    let unit = || CheckKind::OsService("hanging.service".into());
    let pass = async {
        while net.programs_free() == limits::PROBE_PROGRAMS {
            tokio::task::yield_now().await;
        }
        net.clock().advance(SECOND);
    };
    let ((status, output), ()) = tokio::join!(probe(&net, nobody(), unit()), pass);
    assert_eq!((status, output.as_str()), (Status::Critical, "timeout: no answer within 1s"));
    assert_eq!(net.programs_free(), limits::PROBE_PROGRAMS);
}

#[tokio::test]
async fn so_many_programs_run_at_a_time_and_no_more() {
    let net = net(Some(FAKE));
    let mut permits = Vec::new();
    for _ in 0..limits::PROBE_PROGRAMS {
        permits.push(net.systemctl().expect("a program").1);
    }
    let job = job(nobody(), CheckKind::OsService("running.service".into()));
    assert!(matches!(ask(&net, &job).await, Err(Failure::PutOff)));
    drop(permits);
    assert!(ask(&net, &job).await.is_ok());
}
