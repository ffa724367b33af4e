//! `run` and `env` from outside: a shell stands for the program that is started.

use super::*;
use std::io::BufRead as _;
use std::process::{ChildStderr, ChildStdout};

/// Says which signals it gets, and ends at those that ask for it.
const PATIENT: &str = "trap 'echo got USR1' USR1; trap 'echo got HUP' HUP; trap 'echo got WINCH' WINCH; \
    trap 'echo got TERM; kill $pid; exit 7' TERM; trap 'echo got INT; kill $pid; exit 8' INT; \
    sleep 600 & pid=$!; echo up; while :; do wait $pid; done";

/// A server and the way to it.
struct Site {
    home: tempfile::TempDir,
    _server: Running,
    said: String,
}

impl Site {
    fn new() -> Site {
        let home = home();
        let (server, _, said) = serve(&home, "0s");
        Site { home, _server: server, said }
    }

    fn url(&self) -> &str {
        self.said.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL")
    }

    fn get(&self, path: &str) -> String {
        request(&self.said, "GET", path, "")
    }

    /// Waits until the list of a service says it, by long polls.
    fn wait_for(&self, service: &str, part: &str) -> String {
        let mut shown = self.get(&format!("/v1/hosts/{service}"));
        while !shown.contains(part) {
            let revision = shown.split(r#""revision":"#).nth(1).and_then(|rest| rest.split([',', '}']).next());
            let revision = revision.expect("a revision");
            shown = self.get(&format!("/v1/hosts/{service}?index={revision}&wait=30s"));
        }
        shown
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rollcall(&self.home, arguments);
        command.env("ROLLCALL_SERVER", self.url()).env("PATH", "/usr/bin:/bin");
        command
    }

    fn ends(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        ends(self.command(arguments))
    }

    /// Registers a host by hand.
    fn add(&self, service: &str, id: &str, body: &str) {
        let stored = request(&self.said, "PUT", &format!("/v1/hosts/{service}/{id}"), body);
        assert!(stored.contains(r#""status""#), "{stored}");
    }

    /// `run` with these flags around a program that is a shell's script.
    fn run(&self, flags: &[&str], script: &str) -> Program {
        Program::start(self.command(&[&["run"][..], flags, &["--", "sh", "-c", script]].concat()))
    }
}

/// `run`, and what it and the program in it say.
struct Program {
    running: Running,
    out: BufReader<ChildStdout>,
    error: BufReader<ChildStderr>,
}

impl Program {
    fn start(mut command: Command) -> Program {
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut running = Running(started.expect("a program that starts"));
        let out = BufReader::new(running.stdout.take().expect("a pipe"));
        let error = BufReader::new(running.stderr.take().expect("a pipe"));
        Program { running, out, error }
    }

    /// Waits for words of the program.
    fn hears(&mut self, words: &str) -> String {
        read_until(&mut self.out, words)
    }

    /// Waits for words of ours.
    fn says(&mut self, words: &str) -> String {
        read_until(&mut self.error, words)
    }

    fn code(&mut self) -> Option<i32> {
        self.running.wait().expect("an end").code()
    }
}

#[test]
fn a_program_leaves_dns_before_it_hears_of_its_end() {
    let site = Site::new();
    let flags = ["--service", "web", "--id", "a", "--address", "10.0.0.1", "--port", "80", "--drain", "1h"];
    let mut program = site.run(&flags, PATIENT);
    program.hears("up");
    program.says("web/a: registered, passing");
    assert!(site.get("/v1/answer?name=web").contains("10.0.0.1"));
    signal(&program.running, "TERM");
    program.says("SIGTERM: drained");
    assert!(site.get("/v1/hosts/web").contains(r#""draining":true"#));
    assert!(site.get("/v1/answer?name=web").contains("NXDOMAIN"));
    // An hour is long: the second one is not argued with.
    signal(&program.running, "TERM");
    let heard = program.hears("got TERM");
    assert_eq!(heard, "got TERM\n", "the first signal did not reach it");
    assert_eq!(program.code(), Some(7));
    assert!(site.get("/v1/hosts/web").contains(r#""hosts":[]"#));
}

#[test]
fn a_program_is_deregistered_before_the_signal() {
    let site = Site::new();
    let flags = ["--service", "web", "--id", "a", "--address", "10.0.0.1", "--port", "80", "--drain", "10ms"];
    for (name, code) in [("TERM", 7), ("INT", 8)] {
        let mut program = site.run(&flags, PATIENT);
        program.hears("up");
        program.says("registered, passing");
        signal(&program.running, name);
        program.hears(&format!("got {name}"));
        // It is still there, and nobody finds it.
        assert!(site.get("/v1/hosts/web").contains(r#""hosts":[]"#));
        assert_eq!(program.code(), Some(code));
        assert!(program.says("deregistered").contains("drained"));
    }
}

#[test]
fn another_signal_stands_for_the_end_where_the_flag_says_so() {
    let site = Site::new();
    let mut program = site.run(&["--service", "web", "--drain", "0s", "--stop-signal", "USR1"], PATIENT);
    program.hears("up");
    program.says("registered, passing");
    signal(&program.running, "TERM");
    program.hears("got USR1");
}

#[test]
fn other_signals_are_passed_on_as_they_come() {
    let site = Site::new();
    let mut program = site.run(&["--service", "web", "--id", "a", "--drain", "0s"], PATIENT);
    program.hears("up");
    program.says("registered, passing");
    for name in ["USR1", "WINCH", "USR1"] {
        signal(&program.running, name);
        program.hears(&format!("got {name}"));
    }
    if !ignores_hangup() {
        signal(&program.running, "HUP");
        program.hears("got HUP");
    }
    assert!(site.get("/v1/hosts/web").contains(r#""draining":false"#));
    signal(&program.running, "TERM");
    assert_eq!(program.code(), Some(7));
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let site = Site::new();
    for (script, code) in [("exit 0", 0), ("exit 5", 5), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        let mut program = site.run(&["--service", "web"], script);
        assert_eq!(program.code(), Some(code), "{script}");
        assert!(site.get("/v1/hosts/web").contains(r#""hosts":[]"#), "{script}");
    }
    let text = site.home.path().join("text");
    std::fs::write(&text, "").expect("a file");
    let text = text.to_str().expect("UTF-8");
    for (name, code, why) in
        [("nonsense-9", 127, "not found"), ("./nonsense-9", 127, "not found"), (text, 126, "permission denied")]
    {
        for flags in [&["--service", "web"][..], &["--env", "db", "--env-allow-missing"]] {
            let (found, out, error) = site.ends(&[&["run"], flags, &["--", name]].concat());
            assert_eq!((found, &*out, error), (Some(code), "", format!("rollcall: cannot start {name}: {why}\n")));
        }
    }
}

#[test]
fn outputs_and_input_are_those_of_the_program() {
    let site = Site::new();
    // What is open: as where it is started without us.
    let script = "cat; echo error >&2; ls /proc/self/fd | wc -w";
    let mut alone = site.command(&["run", "--env", "x", "--env-allow-missing", "--", "sh", "-c", script]);
    let expected = alone.output().expect("a program that starts").stdout;
    let mut command = site.command(&["run", "--service", "web", "--", "sh", "-c", script]);
    command.stdin(Stdio::piped());
    let mut program = Program::start(command);
    let mut input = program.running.stdin.take().expect("a pipe");
    input.write_all(b"through\n").expect("room");
    drop(input);
    assert_eq!(program.hears("through\n"), "through\n");
    let mut rest = String::new();
    program.out.read_line(&mut rest).expect("UTF-8");
    assert_eq!(rest.as_bytes(), expected);
    program.says("error\n");
    assert_eq!(program.code(), Some(0));
}

#[test]
fn the_first_good_answer_registers_and_a_bad_one_takes_out() {
    let site = Site::new();
    let listen = |at: &str| TcpListener::bind(at).expect("a free port");
    let address = listen("127.0.0.1:0").local_addr().expect("an address").to_string();
    let check = format!("tcp:{address}");
    let flags = [
        "--service",
        "web",
        "--id",
        "a",
        "--address",
        "10.0.0.1",
        "--check",
        &check,
        "--interval",
        "1s",
        "--failures",
        "1",
        "--port",
        "80",
    ];
    let mut program = site.run(&flags, PATIENT);
    program.says("not registered yet: TCP");
    assert!(site.get("/v1/hosts/web").contains(r#""hosts":[]"#));
    let listener = listen(&address);
    program.says("registered, passing");
    assert!(site.get("/v1/answer?name=web").contains("10.0.0.1"));
    drop(listener);
    program.says("out of DNS: ");
    let shown = site.get("/v1/hosts/web");
    assert!(shown.contains(r#""status":"critical""#) && shown.contains("connection refused"), "{shown}");
    assert!(site.get("/v1/answer?name=web").contains("NXDOMAIN"));
    let _listener = listen(&address);
    program.says("passing again");
    assert!(site.get("/v1/answer?name=web").contains("10.0.0.1"));
}

#[test]
fn a_host_that_the_server_forgot_is_registered_again() {
    let site = Site::new();
    let flags = [
        "--service",
        "web",
        "--id",
        "a",
        "--address",
        "10.0.0.1",
        "--ttl",
        "1s",
        "--tag",
        "v1",
        "--meta",
        "k=v",
        "--port",
        "http=80",
    ];
    let mut program = site.run(&flags, PATIENT);
    program.says("registered, passing");
    assert_eq!(request(&site.said, "DELETE", "/v1/hosts/web/a", ""), "");
    program.says("does not know the host any more");
    program.says("registered, passing");
    let shown = site.get("/v1/hosts/web");
    for part in [r#""tags":["v1"]"#, r#""k":"v""#, r#""ttl":"1s""#, r#""name":"http""#] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn a_drain_from_before_does_not_keep_a_new_program_out() {
    let site = Site::new();
    site.add("web", "a", r#"{"address":"10.0.0.1","port":80}"#);
    assert_eq!(site.ends(&["drain", "web", "a"]).0, Some(0));
    let mut program = site.run(&["--service", "web", "--id", "a", "--address", "10.0.0.2", "--port", "80"], PATIENT);
    program.says("registered, passing");
    site.wait_for("web", r#""draining":false"#);
    assert!(site.get("/v1/answer?name=web").contains("10.0.0.2"));
}

#[test]
fn who_is_killed_takes_the_program_along_and_the_lease_ends() {
    let site = Site::new();
    let flags = ["--service", "web", "--id", "a", "--address", "10.0.0.1", "--port", "80", "--ttl", "2s"];
    let mut program = site.run(&flags, PATIENT);
    program.hears("up");
    program.says("registered, passing");
    program.running.kill().expect("a process to kill");
    program.hears("got TERM");
    site.wait_for("web", r#""hosts":[]"#);
}

#[test]
fn a_server_that_is_away_keeps_nothing_from_running() {
    let home = home();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = format!("http://{}", taken.local_addr().expect("an address"));
    drop(taken);
    let mut command =
        rollcall(&home, &["run", "--service", "web", "--drain", "1h", "--server", &server, "--", "sh", "-c", PATIENT]);
    let mut program = Program::start({
        command.env("PATH", "/usr/bin:/bin");
        command
    });
    program.hears("up");
    program.says("not registered: cannot ask http://");
    // Nobody knows of it, so there is nobody to wait for.
    signal(&program.running, "TERM");
    program.hears("got TERM");
    assert_eq!(program.code(), Some(7));
    let (code, out, error) =
        ends(rollcall(&home, &["run", "--env", "db", "--server", &server, "--", "sh", "-c", "echo no"]));
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(error.contains("cannot ask http://"), "{error}");
}

#[test]
fn wrong_flags_of_run_start_nothing() {
    let site = Site::new();
    let free = ["--service", "web", "--id", "a"];
    for (flags, said) in [
        (&["--service", "My_Web"][..], "--service must be in lower case"),
        (&["--service", "a_b"], "--service must"),
        (&["--service", "web", "--check", "ftp:/"], "--check must be http:/path"),
        (&["--service", "web", "--check", "tcp"], "--check must name a port"),
        (&["--service", "web", "--ttl", "1ms"], "--ttl must be"),
        (&["--service", "web", "--ttl", "30"], "a duration is a number with its unit"),
        (&["--service", "web", "--port", "80", "--port", "81"], "--port must have a name"),
        (&["--service", "web", "--address", "0.0.0.0"], "--address 0.0.0.0 is no address"),
        (&["--service", "web", "--check", "tcp:80", "--interval", "1ms"], "--interval must be 1s to 1d"),
        (&["--service", "web", "--stop-signal", "KILL"], "must be one of TERM, INT"),
        (&["--service", "web", "--env", "=x"], "must be the name of a service"),
        (&["--id", "a"], "--service"),
        (&[], "--service"),
    ] {
        let (code, out, error) = site.ends(&[&["run"][..], flags, &["--", "sh", "-c", "echo started"]].concat());
        assert_eq!((code, &*out), (Some(2), ""), "{flags:?}");
        assert!(error.contains(said), "{flags:?}: {error}");
    }
    assert_eq!(site.ends(&[&["run"][..], &free].concat()).0, Some(2), "no command");
}

#[test]
fn variables_are_printed_for_a_shell_and_set_for_a_program() {
    let site = Site::new();
    site.add("my-db", "a", r#"{"address":"10.0.0.1","ports":[{"name":"sql","port":5432}],"priority":1}"#);
    site.add("my-db", "b", r#"{"address":"fd00::2","ports":[{"name":"sql","port":5433}]}"#);
    site.add("my-db", "c", r#"{"address":"10.0.0.3","port":1,"checks":[{"id":"c","status":"critical"}]}"#);
    site.add("user-v1", "w", r#"{"address":"10.0.0.4","port":80,"checks":[{"id":"c","status":"warning"}]}"#);
    let (code, out, error) = site.ends(&["env", "my-db", "user-v1"]);
    assert_eq!((code, &*error), (Some(0), ""));
    let evaluated = Command::new("sh")
        .args(["-c", &format!("{out}echo $MY_DB_SERVICE_HOST $MY_DB_SERVICE_PORT_SQL $MY_DB_PORT")])
        .output();
    assert_eq!(evaluated.expect("a shell").stdout, b"fd00::2 5433 tcp://[fd00::2]:5433\n");
    assert!(out.contains("export USER_V1_SERVICE_HOST=10.0.0.4\n"), "DNS gives hosts that warn: {out}");
    let (_, out, _) = site.ends(&["env", "--style", "nomad", "--form", "dotenv", "user-v1", "x_v2=user-v1"]);
    assert_eq!(
        out.lines().filter(|line| line.starts_with("NOMAD_UPSTREAM_ADDR_")).collect::<Vec<_>>(),
        ["NOMAD_UPSTREAM_ADDR_user_v1=10.0.0.4:80", "NOMAD_UPSTREAM_ADDR_x_v2=10.0.0.4:80"]
    );
    let (code, out, error) = site.ends(&["env", "my-db", "nobody"]);
    assert_eq!((code, &*out, &*error), (Some(1), "", "rollcall: no host of nobody is served and has a port\n"));
    let (code, out, _) = site.ends(&["env", "my-db", "nobody", "--allow-missing", "--style", "docker"]);
    assert!(code == Some(0) && out.contains("MY_DB_PORT_5433_TCP_ADDR=fd00::2\n") && !out.contains("NOBODY"), "{out}");
    let (code, _, error) = site.ends(&["env", "my-db", "my.db=user-v1"]);
    assert!(code == Some(2) && error.contains("would both be MY_DB_SERVICE_HOST"), "{error}");
    let (code, out, error) = site.ends(&["run", "--env", "user-v1", "--env-style", "nomad", "--", "env"]);
    assert_eq!((code, &*error), (Some(0), ""));
    assert!(
        out.contains("NOMAD_UPSTREAM_ADDR_user-v1=10.0.0.4:80\n") && out.contains("NOMAD_UPSTREAM_ADDR_user_v1="),
        "{out}"
    );
    let script = "echo $MY_DB_PORT; exit 4";
    let mut program = site.run(&["--env", "my-db", "--service", "web"], script);
    program.hears("tcp://[fd00::2]:5433\n");
    assert_eq!(program.code(), Some(4));
}
