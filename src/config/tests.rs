use std::path::Path;

use super::*;

const DELIVERED: &str = include_str!("../../etc/rollcall.toml");

fn machine() -> [(&'static str, &'static str); 1] {
    [("HOME", "/home/ada")]
}

/// The error of flags, variables and a file taken together.
fn refusal(flags: &[(&'static str, &'static str, &str)], variables: &[(&str, &str)], file: &str) -> String {
    let error = load_all(flags, variables, file).expect_err("must be refused").to_string();
    error.find("t.toml").map_or(error.clone(), |at| error[at..].into())
}

fn load_all(
    flags: &[(&'static str, &'static str, &str)],
    variables: &[(&str, &str)],
    file: &str,
) -> Result<Loaded, Error> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.toml");
    std::fs::write(&path, file).expect("a file");
    let flags = Flags {
        file: (!file.is_empty()).then_some(path),
        values: flags.iter().map(|(key, flag, value)| (*key, *flag, vec![(*value).into()])).collect(),
    };
    load(&flags, &Environment::of(machine().into_iter().chain(variables.iter().copied())))
}

#[test]
fn flags_win_over_variables_over_lyfts_names_over_the_file() {
    let file = "version = 1\nhttp = \"127.0.0.1:1\"\n";
    let port = |flags: &[(&'static str, &'static str, &str)], variables: &[(&str, &str)], file: &str| {
        load_all(flags, variables, file).expect("valid").config.http_listen.to_string()
    };
    assert_eq!(port(&[], &[], ""), "127.0.0.1:8500");
    assert_eq!(port(&[], &[], file), "127.0.0.1:1");
    assert_eq!(port(&[], &[("PORT", "2")], file), "127.0.0.1:2");
    assert_eq!(port(&[], &[("PORT", "2"), ("ROLLCALL_HTTP", "127.0.0.1:3")], file), "127.0.0.1:3");
    let all = [("PORT", "2"), ("ROLLCALL_HTTP", "127.0.0.1:3")];
    assert_eq!(port(&[("http", "--http", "[::1]:4")], &all, file), "[::1]:4");
}

#[test]
fn lyfts_names_are_read() {
    let variables = [
        ("HOST_TTL", "30"),
        ("BACKEND_STORAGE", "InMemory"),
        ("APPLICATION_ENV", "production"),
        ("CACHE_TTL", "30"),
        ("CACHE_TYPE", "simple"),
    ];
    let loaded = load_all(&[], &variables, "").expect("valid");
    assert_eq!(loaded.config.http.lyft_host_ttl, Duration::from_secs(30));
    assert_eq!(loaded.config.http.host_ttl, None);
    assert_eq!(loaded.config.store.kind, store::Kind::Memory);
    assert_eq!(loaded.config.http.lyft_env, "production");
    assert_eq!(loaded.notes.len(), 2);
}

#[test]
fn lyfts_table_is_found_by_its_names() {
    let variables = [
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", "http://localhost:8000"),
        ("DYNAMODB_CREATE_TABLES_IN_APP", "yes please"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://localhost:1"),
    ];
    let store = load_all(&[], &variables, "").expect("valid").config.store;
    let dynamodb = store.dynamodb;
    assert_eq!((store.kind, dynamodb.table.as_str(), dynamodb.create_table), (store::Kind::DynamoDb, "hosts", true));
    assert_eq!(
        (dynamodb.region.as_deref(), dynamodb.endpoint.as_deref()),
        (Some("eu-west-1"), Some("http://localhost:8000"))
    );
    let production = [&variables[..], &[("APPLICATION_ENV", "production")]].concat();
    let loaded = load_all(&[], &production, "").expect("valid");
    assert_eq!(loaded.config.store.dynamodb.endpoint.as_deref(), Some("http://localhost:1"));
    assert_eq!(loaded.notes, ["DYNAMODB_URL is ignored: APPLICATION_ENV is not development"]);
    assert!(
        refusal(&[], &[("DYNAMODB_TABLE_HOSTS", "a b")], "").starts_with("DYNAMODB_TABLE_HOSTS: `a b` is not the name")
    );
}

#[test]
fn an_error_names_the_place_and_the_rule() {
    assert_eq!(
        refusal(&[("http", "--http", "8500")], &[], ""),
        "--http: `8500` is not an IP address and a port, such as 127.0.0.1:8500 or [::1]:8500"
    );
    assert_eq!(refusal(&[], &[("HOST_TTL", "ten")], ""), "HOST_TTL: `ten` is not a number from 1 to 31622400");
    assert_eq!(
        refusal(&[], &[("BACKEND_STORAGE", "inmemory")], ""),
        "BACKEND_STORAGE: `inmemory` is not one of InMemory, InFile, DynamoDB"
    );
    assert_eq!(
        refusal(&[], &[], "version = 1\n\nrecord_ttl = 5\n"),
        "t.toml:3: record_ttl: `5` is not a duration from 0s to 1d, such as 5s, 500ms, 1.5s or 1h30m"
    );
    assert_eq!(
        refusal(&[], &[], "version = 1\n# a comment\nrecord-tll = \"5s\"\n"),
        "t.toml:3: unknown setting `record-tll`: did you mean `record_ttl`?"
    );
    assert_eq!(
        refusal(&[], &[], "version = 1\nhttp_port = 1\n"),
        "t.toml:2: unknown setting `http_port`: did you mean `http`?"
    );
    assert_eq!(refusal(&[], &[], "http = \"127.0.0.1:1\""), "t.toml: the line `version = 1` is missing");
    assert_eq!(refusal(&[], &[], "version = 2"), "t.toml:1: version: this program reads files of version 1");
    assert!(refusal(&[], &[], "version = 1\nhttp = ").starts_with("t.toml:2: "));
    assert!(refusal(&[], &[], "version = 1\n[dns]\nlisten = []\n").starts_with("t.toml:2: dns: "));
    assert!(refusal(&[("store", "--store", "tape")], &[], "").contains("one of memory, file, etcd, dynamodb"));
    for (variable, value) in [
        ("ROLLCALL_ETCD_ENDPOINTS", "127.0.0.1:2379"),
        ("ROLLCALL_ETCD_ENDPOINTS", "http://a:1/x"),
        ("ROLLCALL_ETCD_PREFIX", "rollcall"),
        ("ROLLCALL_ETCD_PREFIX", "/"),
        ("ROLLCALL_ETCD_PREFIX", "/services/"),
        ("ROLLCALL_ETCD_SKYDNS", "x y"),
    ] {
        assert!(refusal(&[], &[(variable, value)], "").starts_with(variable), "{variable} {value}");
    }
}

#[test]
fn what_two_settings_of_etcd_say_fits_together() {
    for (prefix, skydns) in [("/rollcall", "/rollcall"), ("/a/b", "/a"), ("/a", "/a/b/"), ("/skydns", "/skydns/x")] {
        let variables = [("ROLLCALL_ETCD_PREFIX", prefix), ("ROLLCALL_ETCD_SKYDNS", skydns)];
        let error = refusal(&[], &variables, "");
        assert!(error.starts_with("ROLLCALL_ETCD_SKYDNS: etcd_skydns /"), "{error}");
        assert!(error.contains(" and etcd_prefix /") && error.ends_with("inside of, the other"), "{error}");
    }
    assert!(refusal(&[], &[], "version = 1\netcd_prefix = \"/skydns\"\n").starts_with("t.toml:2: etcd_prefix: "));
    load_all(&[], &[("ROLLCALL_ETCD_SKYDNS", "/rollcall2")], "").expect("beside it");
    let empty = [("ROLLCALL_ETCD_ENDPOINTS", ""), ("ROLLCALL_STORE", "etcd")];
    assert!(refusal(&[], &empty, "").starts_with("ROLLCALL_ETCD_ENDPOINTS: must not be empty"));
    load_all(&[], &empty[..1], "").expect("no etcd is used");
    load_all(&[], &empty, "version = 1\netcd_endpoints = [\"http://a:1\"]\n").expect("they stand in the file");
    assert!(refusal(&[], &[], "version = 1\netcd_endpoints = []\n").contains("at least one URL"));
    let twice = refusal(&[], &[("ROLLCALL_BRAKE_SERVICES", "web off, api off, Web share=50")], "");
    assert!(twice.contains("names the service `Web` twice"), "{twice}");
}

#[test]
fn a_value_is_checked_also_where_another_wins() {
    let file = "version = 1\nthreads = 0\n";
    let error = refusal(&[("threads", "--threads", "2")], &[], file);
    assert_eq!(error, "t.toml:2: threads: `0` is not a number from 1 to 1024");
}

#[test]
fn lists_come_from_commas_and_arrays() {
    let loaded = load_all(&[], &[("ROLLCALL_DNS", "127.0.0.1:53, [::1]:53")], "").expect("valid");
    assert_eq!(loaded.config.dns.listen.len(), 2);
    let loaded = load_all(&[], &[], "version = 1\nauto_ip = [\"10.0.0.0/8\", \"fd00::/8\"]\n").expect("valid");
    assert_eq!(loaded.config.http.auto_ip_networks[1], ("fd00::".parse().expect("an address"), 8));
    assert!(refusal(&[], &[], "version = 1\ndns = []\n").contains("at least one"));
    assert!(refusal(&[], &[("ROLLCALL_DNS", "[::1]:53,[::1]:53")], "").contains("twice"));
}

#[test]
fn the_data_directory_follows_the_environment() {
    let directory = |variables: &[(&str, &str)]| Environment::of(variables.iter().copied()).machine().data_dir;
    let all = [("STATE_DIRECTORY", "/var/lib/rollcall:/x"), ("XDG_STATE_HOME", "/s"), ("HOME", "/h")];
    assert_eq!(directory(&all).as_deref(), Some(Path::new("/var/lib/rollcall")));
    assert_eq!(directory(&all[1..]).as_deref(), Some(Path::new("/s/rollcall")));
    assert_eq!(directory(&all[2..]).as_deref(), Some(Path::new("/h/.local/state/rollcall")));
    assert_eq!(directory(&[]), None);
    let error = load(&Flags::default(), &Environment::default()).expect_err("nowhere to store");
    assert!(error.to_string().starts_with("data_dir: none of STATE_DIRECTORY"), "{error}");
}

#[test]
fn variables_that_look_like_settings_are_noted() {
    let variables = [("ROLLCALL_DATADIR", "/x"), ("ROLLCALL_SERVICE_HOST", "10.0.0.1"), ("ROLLCALL_PORT", "tcp://1")];
    let loaded = load_all(&[], &variables, "").expect("valid");
    assert_eq!(loaded.notes, ["ROLLCALL_DATADIR is ignored: did you mean ROLLCALL_DATA_DIR?"]);
}

#[test]
fn the_description_is_a_file_that_says_the_same() {
    let variables = [("ROLLCALL_HOST_TTL", "90s"), ("ROLLCALL_ZONES_DIR", "/etc/\"zones\""), ("PORT", "0")];
    let loaded = load_all(&[("threads", "--threads", "3")], &variables, "").expect("valid");
    let text = loaded.describe();
    assert!(text.contains("# --threads") && text.contains("# PORT") && text.contains("# default"), "{text}");
    let again = load_all(&[], &[], &text).expect("valid");
    assert_eq!(format!("{:?}", again.config), format!("{:?}", loaded.config));
}

#[test]
fn the_delivered_file_holds_every_setting_with_its_default() {
    let is_setting = |line: &&str| {
        line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).is_some_and(|(key, _)| settings::is_key(key))
    };
    let bare: String = DELIVERED
        .lines()
        .map(|line| if is_setting(&line) { line.trim_start_matches("# ") } else { line })
        .map(|line| format!("{line}\n"))
        .collect();
    let given = file::parse(Path::new("rollcall.toml"), &bare).expect("a valid file");
    let keys: Vec<_> = given.iter().map(|given| given.key.as_str()).collect();
    let known: Vec<_> = settings::SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys, known, "every setting, in the order of check-config");

    let defaults = load_all(&[], &[], "").expect("valid").config;
    assert_eq!(format!("{:?}", load_all(&[], &[], &bare).expect("valid").config), format!("{defaults:?}"));
    assert_eq!(format!("{:?}", load_all(&[], &[], DELIVERED).expect("valid").config), format!("{defaults:?}"));
}

#[test]
fn numbers_and_flags_stand_without_quotes_in_the_file() {
    assert_eq!(refusal(&[], &[], "version = \"1\"\n"), "t.toml:1: version: must stand without quotes");
    for line in ["threads = \"2\"", "only_passing = \"true\"", "trust_forwarded_for = \"false\""] {
        let error = refusal(&[], &[], &format!("version = 1\n{line}\n"));
        assert!(error.ends_with(": must stand without quotes"), "{error}");
    }
    load_all(&[], &[], "version = 1\nthreads = \"auto\"\n").expect("a word");
    let config = load_all(&[], &[], "version = 1\n").expect("defaults").config;
    for setting in settings::SETTINGS {
        let shown = (setting.show)(&config);
        assert_eq!(settings::is_bare(setting.key), !shown.starts_with(['"', '[']), "{}", setting.key);
    }
}

#[test]
fn durations_are_those_of_the_http_api() {
    for (text, micros) in
        [("1.5s", 1_500_000), ("1h30m", 5_400_000_000), ("500ms", 500_000), ("1s1us", 1_000_001), ("2m", 120_000_000)]
    {
        let read = value::duration(text, Duration::ZERO, Duration::from_secs(86_400));
        assert_eq!(read, Ok(Duration::from_micros(micros)), "{text}");
        let shown = value::show(Duration::from_micros(micros));
        assert_eq!(value::duration(&shown, Duration::ZERO, Duration::from_secs(86_400)), read, "{shown}");
    }
    for text in
        ["", "5", "s", "-5s", "5x", "1..2s", "1e9s", "5 s", "25h", "99999999999999999999999999999999999d", "\u{e9}"]
    {
        assert!(value::duration(text, Duration::ZERO, Duration::from_secs(86_400)).is_err(), "{text:?}");
    }
}

#[test]
fn the_secret_of_the_cookies_is_shown_nowhere() {
    let secret = "000102030405060708090a0b0c0d0e0f";
    let loaded = load_all(&[], &[("ROLLCALL_COOKIE_SECRET", secret)], "").expect("valid");
    assert!(loaded.describe().contains("cookie_secret = [\"set\"]"), "{}", loaded.describe());
    assert!(!format!("{:?}{}", loaded.config, loaded.describe()).contains("0a0b"));
    let error = refusal(&[], &[("ROLLCALL_COOKIE_SECRET", &secret[1..])], "");
    assert!(error.contains("32 hexadecimal digits") && !error.contains("0a0b"), "{error}");
    let three = format!("{secret},{secret},{secret}");
    let error = refusal(&[], &[("ROLLCALL_COOKIE_SECRET", &three)], "");
    assert!(error.contains("at most 2") && !error.contains("0a0b"), "{error}");
    assert!(refusal(&[], &[], "version = 1\nallow_query = []\n").contains("at least one network"));
    assert!(refusal(&[], &[("ROLLCALL_NSID", &"n".repeat(129))], "").contains("1 to 128"));
}

#[test]
fn hosts_of_lyfts_api_get_a_check_of_their_own_address() {
    let check = |check: &str, interval: &str| {
        let variables = [("ROLLCALL_LYFT_CHECK", check), ("ROLLCALL_LYFT_CHECK_INTERVAL", interval)];
        load_all(&[], &variables, "").map(|loaded| loaded.config)
    };
    for text in ["none", "http:/healthcheck", "https://:8443/up?x=1", "tcp:", "tcp://:8081", "grpc:", "grpc://:9000"] {
        let config = check(text, "2s").expect(text);
        assert_eq!(checks::show(config.http.lyft_check.as_ref()), format!("\"{text}\""));
        let terms = config.http.lyft_check.map(|terms| (terms.interval, terms.timeout));
        let two = Duration::from_secs(2);
        assert_eq!(terms, (text != "none").then_some((two, two)));
    }
    let terms = check("tcp:", "1m").expect("valid").http.lyft_check.expect("a check");
    assert_eq!(terms.timeout, limits::CHECK_TIMEOUT);
    for text in
        ["", "http", "http:", "http://10.0.0.1/", "ftp:/x", "tcp:80", "tcp://10.0.0.1:80", "tcp:/", "tcp://:0", "udp:"]
    {
        let refused = check(text, "2s").map(|config| config.http.lyft_check);
        assert!(text.is_empty() || refused.is_err(), "{text:?}: {refused:?}");
    }
    assert!(check("tcp:", "500ms").is_err());
}
