//! The program from outside: exit codes, the two outputs, signals.

mod run;

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

/// The program in an empty environment with a home of its own.
fn rollcall(home: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null());
    command
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// What a command that ends by itself says.
fn ends(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("a program that starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A server that ends with the test, whatever becomes of it.
struct Running(Child);

impl std::ops::Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on free ports, ready: with what it said until then.
fn serve(home: &tempfile::TempDir, grace: &str) -> (Running, BufReader<std::process::ChildStderr>, String) {
    let mut command = rollcall(home, &["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"]);
    let started = command.env("ROLLCALL_SHUTDOWN_GRACE", grace).stderr(Stdio::piped()).spawn();
    let mut server = Running(started.expect("a program that starts"));
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe"));
    let said = read_until(&mut lines, "SRV");
    (server, lines, said)
}

fn read_until(lines: &mut impl std::io::BufRead, end: &str) -> String {
    let mut said = String::new();
    while !said.contains(end) {
        let read = lines.read_line(&mut said).expect("UTF-8");
        assert!(read > 0, "it ended before `{end}`: {said}");
    }
    said
}

fn signal(server: &Running, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", server.id())]).status();
    assert!(sent.expect("a shell").success());
}

/// One request on a connection of its own; the body of its answer.
fn request(said: &str, method: &str, path: &str, body: &str) -> String {
    let address = said.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    let mut stream = TcpStream::connect(address).expect("a listener");
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).expect("room");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

#[test]
fn check_config_prints_a_file_it_accepts() {
    let home = home();
    let mut command = rollcall(&home, &["check-config", "--http", "127.0.0.1:1"]);
    command.env("HOST_TTL", "30").env("CACHE_TTL", "30");
    let (code, out, error) = ends(command);
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("CACHE_TTL is ignored"), "{error}");
    let has =
        |line: &str, origin: &str| out.lines().any(|it| it.starts_with(line) && it.ends_with(&format!("# {origin}")));
    assert!(has("http = \"127.0.0.1:1\"", "--http") && has("lyft_host_ttl = \"30s\"", "HOST_TTL"), "{out}");
    let path = home.path().join("again.toml");
    std::fs::write(&path, &out).expect("a file");
    let (code, _, error) = ends(rollcall(&home, &["check-config", "--config", path.to_str().expect("UTF-8")]));
    assert_eq!(code, Some(0), "{error}");
}

#[test]
fn a_wrong_setting_is_exit_code_2_and_one_line() {
    let home = home();
    let path = home.path().join("wrong.toml");
    std::fs::write(&path, "version = 1\n\nhtpp = \"127.0.0.1:1\"\n").expect("a file");
    let path = path.to_str().expect("UTF-8");
    let (code, out, error) = ends(rollcall(&home, &["serve", "--config", path]));
    let expected = format!("rollcall: {path}:3: unknown setting `htpp`: did you mean `http`?\n");
    assert_eq!((code, out.as_str(), error), (Some(2), "", expected));
    for arguments in [&["serve", "--store", "tape"][..], &["hosts", "--server", "ftp://a"], &["nonsense"]] {
        let (code, out, error) = ends(rollcall(&home, arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
    }
}

#[test]
fn wrong_zones_are_a_wrong_setting() {
    let home = home();
    let zones = home.path().join("zones");
    let refused = |expected: &str| {
        for command in [&["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"][..], &["check-config"]] {
            let mut command = rollcall(&home, command);
            command.env("ROLLCALL_ZONES_DIR", &zones);
            let (code, out, error) = ends(command);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
            assert!(error.starts_with(&format!("rollcall: {expected}")), "{error}");
        }
    };
    refused(&format!("zones_dir: cannot read the directory {}: ", zones.display()));
    std::fs::create_dir(&zones).expect("a directory");
    let file = zones.join("internal.zone");
    std::fs::write(&file, "@ IN SOA ns hostmaster 1 4h 1h 1w 5\n@ IN NS ns\nx IN A 10.0.0.300\n").expect("a file");
    refused(&format!("{}:3: ", file.display()));
}

#[test]
fn what_cannot_be_done_is_exit_code_1() {
    let home = home();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, _, error) = ends(rollcall(&home, &["serve", "--http", &address, "--dns", "127.0.0.1:0"]));
    assert_eq!(code, Some(1));
    assert!(error.contains(&address) && error.contains("take another port with --http"), "{error}");
    drop(taken);
    let (code, out, error) = ends(rollcall(&home, &["hosts", "--server", &format!("http://{address}")]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.starts_with(&format!("rollcall: cannot ask http://{address}: ")), "{error}");
}

#[test]
fn what_ends_a_server_is_json_where_the_log_is() {
    let home = home();
    let file = home.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let below = file.join("data").display().to_string();
    let cases: [(&[&str], i32, String); 2] = [
        (&["--http", "nonsense"], 2, "--http: `nonsense` is not an IP address and a port".into()),
        (&["--data-dir", &below], 1, format!("cannot make the directory {below}: ")),
    ];
    for (arguments, expected, part) in cases {
        let free = ["serve", "--dns", "127.0.0.1:0"];
        let http: &[&str] = if arguments[0] == "--http" { &[] } else { &["--http", "127.0.0.1:0"] };
        let arguments = [&free, http, arguments].concat();
        let (code, _, error) = ends(rollcall(&home, &arguments));
        let last = error.lines().last().expect("a line");
        assert!(code == Some(expected) && last.starts_with("rollcall: ") && last.contains(&part), "{error}");
        let mut in_environment = rollcall(&home, &arguments);
        in_environment.env("ROLLCALL_LOG_FORMAT", "json");
        for command in [rollcall(&home, &[&arguments, &["--log-format", "json"][..]].concat()), in_environment] {
            let (code, out, error) = ends(command);
            assert_eq!((code, &*out), (Some(expected), ""), "{error}");
            let lines: Vec<serde_json::Value> =
                error.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let last = lines.last().expect("a line");
            assert!(last["level"] == "ERROR" && last["message"].to_string().contains(&part), "{error}");
        }
    }
}

#[test]
fn hosts_says_what_is_not_there() {
    let home = home();
    let (mut server, _, said) = serve(&home, "0s");
    let url = said.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL");
    let ask = |arguments: &[&str]| ends(rollcall(&home, &[arguments, &["--server", url]].concat()));
    let (code, _, error) = ask(&["hosts", "web", "--namespace", "prod"]);
    assert_eq!((code, &*error), (Some(0), "rollcall: no host of web is registered in the namespace prod\n"));
    let add = ["register", "web", "--id", "a", "--address", "10.0.0.1", "--port", "514/udp", "--namespace", "prod"];
    assert_eq!(ask(&add).0, Some(0));
    let (code, out, error) = ask(&["hosts", "--namespace", "prod"]);
    assert!(code == Some(0) && error.is_empty() && out.contains("web      prod       a   10.0.0.1  514/udp"), "{out}");
    let (code, out, error) = ask(&["hosts", "--json", "--namespace", "other"]);
    assert!(out.starts_with("{\"revision\":") && out.ends_with(",\"hosts\":[]}\n"), "{out}");
    assert_eq!((code, &*error), (Some(0), ""));
    let (code, out, error) = ask(&["hosts", ""]);
    assert!(code == Some(2) && out.is_empty() && error.contains("[SERVICE]"), "{error}");
    server.kill().expect("a process to kill");
    server.wait().expect("its end");
}

/// `UPDATE_EXPECT=1` rewrites the file.
#[test]
#[allow(clippy::disallowed_methods, reason = "a switch of the test, not of the program")]
fn a_zone_file_answers_without_a_server() {
    let home = home();
    let file = home.path().join("internal.zone");
    let records = "$TTL 60\n@ SOA ns hostmaster 7 4h 1h 1w 5\n@ NS ns\nwww CNAME web\nweb A 10.0.0.1\nweb AAAA fd00::1\n\
        mail MX 10 web\n_x._tcp SRV 1 2 3 web\ntext TXT \"a \\\"b\\\"\" c\nsub NS ns.sub\nns.sub A 10.0.0.9\n\
        odd TYPE65280 \\# 2 abcd\n*.any A 10.0.0.7\nptr PTR web\n";
    std::fs::write(&file, records).expect("a file");
    let path = file.to_str().expect("UTF-8");
    let mut shown = String::new();
    for question in [
        &["www"][..],
        &["web.internal", "AAAA"],
        &["mail.internal.", "MX"],
        &["_x._tcp", "SRV"],
        &["text", "TXT"],
        &["odd", "TYPE65280"],
        &["ptr", "ptr"],
        &["@", "SOA"],
        &["x.any"],
        &["host.sub"],
        &["nothing"],
        &["example.com."],
    ] {
        let (code, out, error) = ends(rollcall(&home, &[&["answer", "--zone", path], question].concat()));
        assert_eq!((code, error.as_str()), (Some(0), ""), "{question:?}");
        shown.push_str(&format!("$ rollcall answer --zone internal.zone {}\n{out}\n", question.join(" ")));
    }
    let expected = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expect/answer.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(expected, &shown).expect("a file that can be written");
    }
    assert_eq!(shown, std::fs::read_to_string(expected).expect("the expected answers"));
    for (arguments, part) in [
        (["--zone", path, "www", "NONSENSE"], "type: must be a type such as A"),
        (["--zone", path, "a..b", "A"], "has an empty label"),
        (["--zone", "/nonexistent/a.zone", "www", "A"], "/nonexistent/a.zone: "),
    ] {
        let (code, out, error) = ends(rollcall(&home, &[&["answer"][..], &arguments].concat()));
        assert!(code == Some(1) && out.is_empty() && error.contains(part), "{error}");
    }
    std::fs::write(&file, format!("{records}x A 1.2.3\n")).expect("a file");
    let (code, _, error) = ends(rollcall(&home, &["answer", "--zone", path, "www"]));
    assert_eq!((code, error), (Some(1), format!("rollcall: {path}:15: A takes one IPv4 address: \"1.2.3\" is none\n")));
}

#[test]
fn answer_says_why_a_host_is_missing() {
    let home = home();
    let (mut server, _, said) = serve(&home, "0s");
    let url = said.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL");
    let ask = |arguments: &[&str]| ends(rollcall(&home, &[arguments, &["--server", url]].concat()));
    for (id, address) in [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "fd00::3")] {
        assert_eq!(ask(&["register", "web", "--id", id, "--address", address, "--port", "80"]).0, Some(0));
    }
    assert_eq!(ask(&["drain", "web", "b"]).0, Some(0));
    for name in ["web", "web.service.local", "web.service.local."] {
        let (code, out, error) = ask(&["answer", name]);
        assert_eq!(code, Some(0), "{error}");
        assert!(out.starts_with(";; ->>HEADER<<- opcode: QUERY, status: NOERROR\n;; flags: qr aa; "), "{out}");
        assert!(out.contains("\nweb.service.local.\t5\tIN\tA\t10.0.0.1\n"), "{out}");
        let hosts = "\n;; HOSTS of web, namespace default: 1 in the answer, 2 not\n; b (10.0.0.2) not: draining\n\
            ; c (fd00::3) not: has no address of this family\n; a (10.0.0.1) in the answer\n";
        assert!(out.ends_with(hosts), "{out}");
    }
    let (code, out, _) = ask(&["answer", "nobody", "SRV"]);
    assert!(
        code == Some(0) && out.contains("status: NXDOMAIN") && out.ends_with(": 0 in the answer, 0 not\n"),
        "{out}"
    );
    let (code, out, _) = ask(&["answer", "--json", "web", "AAAA"]);
    assert!(code == Some(0) && out.starts_with("{\"name\":\"web.service.local.\",\"type\":\"AAAA\""), "{out}");
    let (code, out, error) = ask(&["answer", "web", "NONSENSE"]);
    assert!(code == Some(1) && out.is_empty() && error.contains("type: must be a type"), "{error}");
    server.kill().expect("a process to kill");
    server.wait().expect("its end");
}

#[test]
fn the_first_signal_stops_in_good_order() {
    let home = home();
    for name in ["TERM", "INT"] {
        let (mut server, mut lines, said) = serve(&home, "0s");
        assert!(said.contains("rollcall") && said.contains("is ready"), "{said}");
        signal(&server, name);
        read_until(&mut lines, "stopped");
        assert_eq!(server.wait().expect("an end").code(), Some(0));
    }
}

#[test]
fn a_hangup_and_a_command_read_the_zone_files_anew() {
    if ignores_hangup() {
        eprintln!("SKIPPED: SIGHUP is ignored here, as under nohup, and so by every program that is started");
        return;
    }
    let home = home();
    let zones = home.path().join("zones");
    std::fs::create_dir(&zones).expect("a directory");
    let file = zones.join("internal.zone");
    let write = |record: &str| {
        std::fs::write(&file, format!("@ 60 SOA ns hostmaster 1 4h 1h 1w 5\n@ 60 NS ns\n{record}\n")).expect("a file");
    };
    write("x 60 A 10.0.0.1");
    let mut command = rollcall(&home, &["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"]);
    let started = command.env("ROLLCALL_ZONES_DIR", &zones).stderr(Stdio::piped()).spawn();
    let mut server = Running(started.expect("a program that starts"));
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe"));
    let said = read_until(&mut lines, "SRV");
    let url = said.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL");
    write("x 60 A 10.0.0.2\ny 60 A 10.0.0.3");
    signal(&server, "HUP");
    let said = read_until(&mut lines, "the zone files are read anew");
    assert!(said.contains("records="), "{said}");
    let (code, out, error) = ends(rollcall(&home, &["reload", "--server", url]));
    assert_eq!(code, Some(0), "{error}");
    assert!(out.starts_with("ZONE            KIND        RECORDS\nservice.local.  service"), "{out}");
    assert!(out.contains("\ninternal.       static      5\n"), "{out}");
    read_until(&mut lines, "the zone files are read anew");
    write("x 60 A 10.0.0.300");
    let mistake = format!("{}:3: A takes one IPv4 address: \"10.0.0.300\" is none", file.display());
    let (code, out, error) = ends(rollcall(&home, &["reload", "--server", url]));
    assert_eq!((code, out.as_str(), error), (Some(1), "", format!("rollcall: {mistake}\n")));
    read_until(&mut lines, &mistake);
    signal(&server, "HUP");
    read_until(&mut lines, &mistake);
    signal(&server, "TERM");
    read_until(&mut lines, "stopped");
    assert_eq!(server.wait().expect("an end").code(), Some(0));
}

/// Whether this process, and so its children, were started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 != 0)
}

#[test]
fn nohup_is_heeded() {
    let home = home();
    let mut command = Command::new("nohup");
    command.args([env!("CARGO_BIN_EXE_rollcall"), "serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path()).stdin(Stdio::null());
    let started = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut server = Running(started.expect("a program that starts"));
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe"));
    read_until(&mut lines, "SRV");
    signal(&server, "HUP");
    signal(&server, "TERM");
    let said = read_until(&mut lines, "stopped");
    assert!(said.contains("SIGTERM") && !said.contains("SIGHUP"), "{said}");
    assert_eq!(server.wait().expect("an end").code(), Some(0));
}

#[test]
fn the_second_signal_stops_at_once() {
    let home = home();
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (mut server, mut lines, _) = serve(&home, "1h");
        signal(&server, "TERM");
        read_until(&mut lines, "stopping after the grace");
        signal(&server, name);
        assert_eq!(server.wait().expect("an end").code(), Some(code));
    }
}

/// Where the system gives no more file descriptors, the listeners wait for one: they neither end nor spin.
#[cfg(target_os = "linux")]
#[test]
fn without_file_descriptors_it_waits_and_goes_on() {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream, UdpSocket};
    use std::time::Duration;

    let home = home();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 48 && exec \"$0\" serve --store memory --http 127.0.0.1:0 --dns 127.0.0.1:0"]);
    command.arg(env!("CARGO_BIN_EXE_rollcall")).env_clear().env("HOME", home.path()).env("ROLLCALL_THREADS", "1");
    let started = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut server = Running(started.expect("a shell"));
    let said = read_until(&mut BufReader::new(server.stderr.take().expect("a pipe")), "SRV");
    let address = |mark: &str| -> SocketAddr {
        let rest = said.split(mark).nth(1).expect("the banner").trim_start().trim_start_matches("http://");
        rest.split([' ', ',']).next().and_then(|text| text.parse().ok()).expect("an address")
    };
    let (http, dns) = (address("  HTTP "), address("  DNS "));
    let query = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x07service\x05local\0\0\x06\0\x01";
    let framed = [&[0, query.len() as u8][..], query].concat();
    let connect = |address: SocketAddr| TcpStream::connect_timeout(&address, Duration::from_secs(10)).expect("room");
    // The system takes connections that the program cannot.
    let streams: Vec<TcpStream> = (0..60).map(|_| connect(dns)).chain([connect(http)]).collect();
    let ticks = || -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("a process");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a line").split_whitespace().collect();
        fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
    };
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("an option");
    socket.connect(dns).expect("a route");
    let before = ticks();
    // Nobody sends anything: this is a second of waiting.
    assert!(socket.recv(&mut [0; 64]).is_err());
    let spent = ticks() - before;
    assert!(spent < 30, "{spent} hundredths of a second of work where there is none");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
    socket.send(query).expect("room");
    assert!(socket.recv(&mut [0; 512]).is_ok(), "datagrams need no descriptor");
    drop(streams);
    let mut stream = connect(dns);
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
    stream.write_all(&framed).expect("room");
    stream.read_exact(&mut [0; 14]).expect("a reply, now that there is room");
}

#[test]
fn services_of_the_machine_are_asked_for_where_the_setting_says_so() {
    let home = home();
    let mut command = rollcall(&home, &["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fakes:/usr/bin:/bin");
    command.env("ROLLCALL_CHECK_OS_SERVICES", "true").env("PATH", path).stderr(Stdio::piped());
    let mut server = Running(command.spawn().expect("a program that starts"));
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe"));
    let said = read_until(&mut lines, "SRV");
    let host = |unit: &str| {
        format!(r#"{{"address":"10.0.0.1","checks":[{{"id":"up","os_service":"{unit}","interval":"1s"}}]}}"#)
    };
    let refused = request(&said, "PUT", "/v1/hosts/web/a", &host("-H evil"));
    assert!(refused.contains("must be the name of a unit"), "{refused}");
    for (unit, expected) in
        [("running.service", "OS service running.service: active (running)"), ("stopped", "inactive (dead)")]
    {
        let stored = request(&said, "PUT", "/v1/hosts/web/a", &host(unit));
        let revision = stored.rsplit(r#""revision":"#).next().expect("a revision").trim_end_matches(['}', '\n']);
        let shown = request(&said, "GET", &format!("/v1/hosts/web?index={revision}&wait=30s"), "");
        assert!(shown.contains(expected) && shown.contains(&format!(r#""os_service":"{unit}""#)), "{shown}");
    }
}
