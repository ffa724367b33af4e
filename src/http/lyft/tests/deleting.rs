//! DELETE `/v1/registration/{service}/{ip}`.

use super::*;

#[tokio::test]
async fn what_is_there_goes_and_the_rest_is_400() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    server.register("web", "10.0.0.2", TAGS).await;
    server.register("web", "fd00::1", TAGS).await;
    server.register("a%20b", "10.0.0.1", TAGS).await;
    let rows = [
        ("/v1/registration/web/10.0.0.9", 400),
        ("/v1/registration/other/10.0.0.1", 400),
        ("/v1/registration/WEB/10.0.0.1", 400),
        ("/v1/registration/web/10.0.0.256", 400),
        ("/v1/registration/web/not-an-ip", 400),
        ("/v1/registration/web/fd00::2", 400),
        ("/v1/registration/%0A/10.0.0.1", 400),
        ("/v1/registration/web/10.0.0.1", 200),
        ("/v1/registration/web/10.0.0.1", 400),
        ("/v1/registration/web/FD00:0::1", 200),
        ("/v1/registration/a%20b/10.0.0.1", 200),
    ];
    for (path, status) in rows {
        let answer = server.delete(path).await;
        assert!(answer.is(status, "{}\n"), "{path}: {answer:?}");
    }
    assert_eq!(server.addresses("web").await, ["10.0.0.2"]);
}

#[tokio::test]
async fn past_its_lease_it_is_there_until_it_is_swept() {
    let server = Server::new();
    for (sweep, status) in [(false, 200), (true, 400)] {
        server.register("web", "10.0.0.1", TAGS).await;
        server.advance(HOST_TTL);
        if sweep {
            server.app.registry.expire_due();
        }
        assert!(server.delete("/v1/registration/web/10.0.0.1").await.is(status, "{}\n"), "{sweep}");
    }
}

#[tokio::test]
async fn below_repo_it_speaks_of_a_service_of_that_name() {
    let server = Server::new();
    server.register("repo", "10.0.0.5", TAGS).await;
    assert_eq!(server.addresses("repo").await, ["10.0.0.5"]);
    assert!(server.delete("/v1/registration/repo/10.0.0.5").await.is(200, "{}\n"));
    assert!(server.delete("/v1/registration/repo/10.0.0.5").await.is(400, "{}\n"));
    assert!(server.delete("/v1/registration/repo/web-repo").await.is(400, "{}\n"));
}

#[tokio::test]
async fn the_rows_of_other_apis_are_out_of_reach() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let mut native = server.app.registry.snapshot().hosts.iter().next().expect("a row").as_ref().clone();
    native.dialect = Dialect::Native;
    server.app.registry.load([Arc::new(native)], Revision(9), 9);
    assert_eq!(server.addresses("web").await, ["10.0.0.1"], "it is listed");
    assert!(server.delete("/v1/registration/web/10.0.0.1").await.is(400, "{}\n"));
    let weight = [("load_balancing_weight", "5")];
    assert_eq!(server.post("/v1/loadbalancing/web/10.0.0.1", &weight).await.status, 404);
    assert_eq!(server.post("/v1/loadbalancing/web", &weight).await.status, 204);
    assert_eq!(server.app.registry.snapshot().hosts.iter().next().expect("a row").weight, 1);
}
