//! Every bound in the program, one constant a line with its reason.
//!
//! Nothing that comes from outside may grow without one of these. A request past a bound is refused with
//! the bound in the message; it is never cut silently.

use std::time::Duration;

// ---- the table ----

/// Hosts in total: about 1 GB of rows and names, ten times the fleet of any seed system.
pub const HOSTS: usize = 1_000_000;
/// Services in total.
pub const SERVICES: usize = 100_000;
/// Nodes of Consul's catalog in total.
pub const NODES: usize = 100_000;
/// Hosts of one service: an answer of more than 64 kB cannot be sent, and a rebuild copies the whole set.
pub const HOSTS_PER_SERVICE: usize = 50_000;
/// Octets of a service name: the longest domain name in text (RFC 1035 2.3.4).
pub const NAME_OCTETS: usize = 253;
/// Octets of a host id, check id, port name, zone, region.
pub const ID_OCTETS: usize = 253;
/// Tags of a host.
pub const TAGS: usize = 64;
/// Octets of a tag.
pub const TAG_OCTETS: usize = 512;
/// Meta pairs of a host.
pub const META_PAIRS: usize = 64;
/// Octets of a meta key (Consul's bound).
pub const META_KEY_OCTETS: usize = 128;
/// Octets of a meta value (Consul's bound).
pub const META_VALUE_OCTETS: usize = 512;
/// Addresses of a host.
pub const ADDRESSES: usize = 16;
/// Ports of a host.
pub const PORTS: usize = 32;
/// Checks of a host.
pub const CHECKS: usize = 32;
/// Octets kept of a check's output (Consul keeps 4 kB).
pub const CHECK_OUTPUT_OCTETS: usize = 4096;
/// Octets of the URL of an HTTP check, of a body that it sends, of what it asks over gRPC.
pub const CHECK_URL_OCTETS: usize = 2048;
/// Headers of an HTTP check.
pub const CHECK_HEADERS: usize = 32;
/// Octets of one of them, name and value.
pub const CHECK_HEADER_OCTETS: usize = 1024;
/// Octets of the name of a unit (systemd's bound).
pub const UNIT_OCTETS: usize = 255;
/// Shortest time between two probes of a check (Consul's bound).
pub const CHECK_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Longest time between them: past a day nobody means health.
pub const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Time for an answer where none is given (Consul's).
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Shortest time for an answer.
pub const CHECK_TIMEOUT_MIN: Duration = Duration::from_millis(10);
/// Longest time for an answer: so long a slot is held by a host that hangs.
pub const CHECK_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Octets of the original that a foreign dialect keeps beside a row, where it has no bound of its own: minos' is that of
/// the body.
pub const ORIGINAL_OCTETS: usize = 16 * 1024;
/// Keys of the `tags` object of a Lyft registration beside the weight, those merged from earlier ones included.
pub const LYFT_TAG_KEYS: usize = 64;
/// Octets of [`ORIGINAL_OCTETS`] that a Lyft registration leaves free, so that a weight always finds room in its tags.
pub const LYFT_WEIGHT_OCTETS: usize = 64;
/// Endpoints of a minos registration.
pub const MINOS_ENDPOINTS: usize = 1024;
/// Octets of the verb of one.
pub const MINOS_VERB_OCTETS: usize = 32;
/// Octets of the path of one: each part of it may be a place of its own in the tree that they are found in.
pub const MINOS_PATH_OCTETS: usize = 1024;
/// Shortest lease: a heartbeat of half of it must survive one lost packet.
pub const LEASE_MIN: Duration = Duration::from_secs(1);
/// Longest lease.
pub const LEASE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Changes the journal remembers; a reader further behind reads the table whole.
pub const JOURNAL_CHANGES: usize = 8192;
/// The part of a TTL, from its end, in which a host is late; also the window in which ends of leases count together. Who
/// beats every third of its TTL is never late, who beats every half of it neither.
pub const BRAKE_WINDOW_PART: u32 = 3;
/// Time for which the deregistration of a host without a lease is remembered.
pub const BRAKE_UNLEASED: Duration = Duration::from_secs(30);
/// Time before the end of a lease at which it is decided whether its host is kept: a timer is late by less.
pub const BRAKE_LEAD: Duration = Duration::from_secs(1);
/// How long a host is kept past its lease at most, whatever its TTL, unless a setting says otherwise.
pub const BRAKE_CAP: Duration = Duration::from_secs(3600);
/// The most that can be set for the same: past a day nobody means an outage.
pub const BRAKE_CAP_MAX: Duration = Duration::from_secs(24 * 3600);
/// The most times of its TTL that can be set for the same.
pub const BRAKE_CAP_TIMES: u64 = 100;
/// Most hosts a second that can be set to leave once the brake lets go.
pub const BRAKE_RELEASE_RATE: u64 = 1_000_000;
/// Time from one portion of them to the next.
pub const BRAKE_RELEASE_STEP: Duration = Duration::from_millis(100);
/// Services with a rule of their own.
pub const BRAKE_SERVICES: usize = 10_000;
/// Services and hosts that one answer about the brake lists.
pub const BRAKE_LISTED: usize = 1000;
/// Longest TTL of records of hosts that are kept past their lease (RFC 8767 5: 30 s).
pub const STALE_TTL_MAX: Duration = Duration::from_secs(30);
/// Deadlines looked at under one hold of the lock; the rest follow at once in further holds, so writers get between.
pub const DEADLINES_PER_TICK: usize = 256;

// ---- the store ----

/// Memory the file store's engine keeps pages in: enough for the upper levels of its trees at a million rows.
pub const STORE_CACHE_OCTETS: usize = 32 * 1024 * 1024;
/// Rows of a file that are made at a time, by one thread: so few that what holds them is memory that was used before.
pub const STORE_PART: usize = 256;
/// Threads that make rows of what is read of a file, at a start.
pub const STORE_DECODERS: usize = 4;

// ---- DNS ----

/// Reply over UDP: what passes every path unfragmented (DNS flag day 2020, RFC 9715).
pub const UDP_REPLY_OCTETS: u16 = 1232;
/// The most that can be set for the same: larger ones are lost on too many paths, whatever both ends can take.
pub const UDP_REPLY_OCTETS_MOST: u16 = 4096;
/// Reply over UDP to a query without EDNS (RFC 1035 4.2.1).
pub const UDP_REPLY_OCTETS_NO_EDNS: usize = 512;
/// Reply over a stream (RFC 1035 4.2.2).
pub const STREAM_REPLY_OCTETS: usize = 65_535;
/// CNAME records followed inside our zones for one answer.
pub const CNAME_CHAIN: usize = 10;
/// Names below a name that are looked at to see whether one is still alive when its own hosts have all lapsed.
pub const LAPSED_NAMES_VISITED: usize = 64;
/// Hosts whose lease has ended that are remembered, to say why a service is empty.
pub const ENDED_HOSTS: usize = 1024;
/// Types of services that one answer lists: more than fit 64 kB.
pub const SERVICE_TYPES: usize = 4096;
/// Instances whose SRV, TXT and addresses are added to their list: about what fits a datagram.
pub const INSTANCES_DESCRIBED: usize = 64;
/// TCP connections of one DNS listener in total.
pub const DNS_TCP_CONNECTIONS: usize = 1024;
/// The same from one address.
pub const DNS_TCP_CONNECTIONS_PER_SOURCE: usize = 64;
/// Idle time of a DNS connection (RFC 7766 6.2.3).
pub const DNS_TCP_IDLE: Duration = Duration::from_secs(10);
/// The same when the client asked to keep it (RFC 7828).
pub const DNS_TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// The same when most places are taken.
pub const DNS_TCP_IDLE_PRESSED: Duration = Duration::from_secs(1);
/// Time a started message may take to arrive, and a peer until it takes some of a reply.
pub const DNS_TCP_MESSAGE: Duration = Duration::from_secs(10);
/// Datagrams that a thread answers without a pause before it lets others have its processor, or queries of a connection before
/// it lets other connections have its thread: half a millisecond or so.
pub const DNS_STRETCH: usize = 256;
/// Datagrams that a thread answers after it was told to stop: more than fit the buffer of its socket, and under a flood there
/// is always one more.
pub const DNS_DATAGRAMS_STOPPING: usize = 16 * 1024;
/// Age at which a client gets a new cookie (RFC 9018 4.3: half an hour).
pub const DNS_COOKIE_RENEWAL: Duration = Duration::from_secs(30 * 60);
/// Age to which a cookie holds (RFC 9018 4.3).
pub const DNS_COOKIE_LIFE: Duration = Duration::from_secs(3600);
/// How far the clock of another server with our secret may be ahead (RFC 9018 4.3).
pub const DNS_COOKIE_AHEAD: Duration = Duration::from_secs(300);
/// Flows whose rate is counted, in 512 kB; more of them share what they have.
pub const DNS_RATE_BUCKETS: usize = 65_536;
/// Seconds for which a flood is remembered (BIND's window).
pub const DNS_RATE_WINDOW: u32 = 15;
/// Highest rate that can be set: no flow of one name has more.
pub const DNS_RATE_MOST: u32 = 100_000;
/// Octets of the server's name in NSID: OPT must fit beside any question in 512 octets.
pub const NSID_OCTETS: usize = 128;
/// Networks in the list of those who may ask: each is compared at a query.
pub const DNS_NETWORKS: usize = 64;
/// Records in one static zone file.
pub const ZONE_FILE_RECORDS: usize = 1_000_000;
/// Warnings about one zone file, at about this number of owners: after so many a person looks at the file, not the log.
pub const ZONE_FILE_WARNINGS: usize = 50;
/// Octets of the data of one record of a zone file: it fits a message of 64 kB with the names around it.
pub const ZONE_FILE_RDATA_OCTETS: usize = 65_000;

// ---- HTTP ----

/// Request body; discovery requests of Envoy have a bound of their own, [`EDS_REQUEST_OCTETS`].
pub const HTTP_BODY_OCTETS: usize = 64 * 1024;
/// Hosts in one registration of several: each is rendered under one hold of the lock, some ten microseconds each.
pub const BATCH_HOSTS: usize = 500;
/// Octets of all bodies that are being read: as many as all connections of HTTP/1.1 could have. Streams of HTTP/2 share it.
pub const HTTP_BODIES_OCTETS: usize = HTTP_CONNECTIONS * HTTP_BODY_OCTETS;
/// Octets of such a registration.
pub const BATCH_OCTETS: usize = 512 * 1024;
/// Octets of one import, and so of one row in it: the largest that any API takes, with its text escaped once more.
pub const IMPORT_OCTETS: usize = 2 * 1024 * 1024;
/// Exports at a time: each holds the rows as they were when it began, however slowly it is read.
pub const EXPORTS: usize = 4;
/// Octets of a minos registration: its endpoints at their bounds would be more, those of a large service are a tenth.
pub const MINOS_OCTETS: usize = 256 * 1024;
/// Request line and headers together.
pub const HTTP_HEADER_OCTETS: usize = 16 * 1024;
/// Headers in a request.
pub const HTTP_HEADERS: usize = 100;
/// Octets of path and query.
pub const HTTP_URL_OCTETS: usize = 8 * 1024;
/// Time for the headers of a request to arrive; also how long a connection may idle between requests.
pub const HTTP_HEADER_TIME: Duration = Duration::from_secs(30);
/// Time for a body to arrive.
pub const HTTP_BODY_TIME: Duration = Duration::from_secs(30);
/// Time in which a client must take at least one octet of what waits for it.
pub const HTTP_WRITE_TIME: Duration = Duration::from_secs(30);
/// Octets read of one request's head at most; between [`HTTP_HEADER_OCTETS`] and this the refusal says what the bound is.
pub const HTTP_READ_BUFFER_OCTETS: usize = 64 * 1024;
/// Time that a thread answers requests without a pause before it lets others have its processor: a query waits as long, and
/// where both sides are flooded requests have as much of the processor beside [`DNS_STRETCH`], a quarter.
pub const HTTP_STRETCH: Duration = Duration::from_micros(200);
/// Pause of the listener when the system has no file descriptor left.
pub const HTTP_ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Octets thrown away of a request that was refused before it was read, so that the client sees the answer, not a reset.
pub const HTTP_LINGER_OCTETS: usize = 1024 * 1024;
/// Time for the same.
pub const HTTP_LINGER_TIME: Duration = Duration::from_secs(2);
/// Octets made at a time of a list that is sent in pieces.
pub const HTTP_CHUNK_OCTETS: usize = 64 * 1024;
/// Parameters in a query.
pub const HTTP_QUERY_PARAMETERS: usize = 64;
/// Octets of a filter expression: as many as a query can carry.
pub const FILTER_OCTETS: usize = HTTP_URL_OCTETS;
/// Parentheses and `not` inside each other in a filter: each is some frames of the stack.
pub const FILTER_DEPTH: usize = 64;
/// Comparisons in a filter: each is done for every row.
pub const FILTER_MATCHES: usize = 256;
/// Octets of one compiled regular expression of a filter.
pub const FILTER_PATTERN_OCTETS: usize = 256 * 1024;
/// Groups inside each other in the same.
pub const FILTER_PATTERN_DEPTH: u32 = 64;
/// Octets of a discovery request of Envoy: its node alone, with the list of its extensions, has about 77 kB.
pub const EDS_REQUEST_OCTETS: usize = 512 * 1024;
/// Resources that one discovery request may name: each is waited for on its own.
pub const EDS_RESOURCES: usize = 10_000;
/// Rows looked at for one answer with endpoints: a part of a second. A stream has the rest in the next, a poll is refused.
pub const EDS_ROWS: usize = 200_000;
/// Rows of an answer that is made on the thread of its request: some tenths of a millisecond. A larger one is made aside.
pub const EDS_ROWS_AT_ONCE: usize = 256;
/// Octets of resources that are kept for who asks next: dozens of services of 20000 hosts.
pub const EDS_KEPT_OCTETS: usize = 64 * 1024 * 1024;
/// Octets of all resources that are kept or wait to be read, from which on nothing is made: those who read slowly may
/// hold what was before many a change. One answer more may be in it than this.
pub const EDS_ALIVE_OCTETS: usize = 256 * 1024 * 1024;
/// Time that an answer waits for its turn and for room: who takes nothing is gone by then ([`HTTP_WRITE_TIME`]).
pub const EDS_ROOM_TIME: Duration = Duration::from_secs(60);
/// Octets of the metadata of one endpoint, names and values; what is more is left out.
pub const EDS_METADATA_OCTETS: usize = 4096;
/// Time for the first message of a stream of Envoy's: who opens one has something to ask, so as for a body.
pub const EDS_FIRST_MESSAGE_TIME: Duration = HTTP_BODY_TIME;
/// Characters of Envoy's reason for a rejection that are logged.
pub const EDS_REASON_CHARS: usize = 1000;
/// Streams of one HTTP/2 connection at a time: an Envoy without ADS has one for each of its clusters.
pub const HTTP2_STREAMS: u32 = 250;
/// Octets of an HTTP/2 frame (the least that RFC 9113 4.2 allows): no answer holds the connection up for long.
pub const HTTP2_FRAME_OCTETS: u32 = 16 * 1024;
/// Octets of a request that one stream may send ahead of what is read of it.
pub const HTTP2_STREAM_WINDOW_OCTETS: u32 = 256 * 1024;
/// The same of all streams of a connection.
pub const HTTP2_CONNECTION_WINDOW_OCTETS: u32 = 1024 * 1024;
/// Octets of an answer given to a stream at a time; the next are made when it has room.
pub const HTTP2_PIECE_OCTETS: usize = 16 * 1024;
/// Streams that a client resets before they were begun; one that resets more is sent away (CVE-2023-44487).
pub const HTTP2_RESETS: usize = 20;
/// Streams that are reset for a client's mistakes before its connection is ended.
pub const HTTP2_MISTAKES: usize = 100;
/// Time from one PING to the next on an HTTP/2 connection: who is gone is found out also while nothing is to be sent.
pub const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Time for the answer to it.
pub const HTTP2_PING_TIME: Duration = Duration::from_secs(20);
/// Time without a stream after which an HTTP/2 connection is ended.
pub const HTTP2_IDLE: Duration = Duration::from_secs(60);
/// HTTP connections in total.
pub const HTTP_CONNECTIONS: usize = 8192;
/// Hosts of which one call says why they are in an answer or not; those that are not come first.
pub const EXPLAINED_HOSTS: usize = 10_000;
/// Longest long poll.
pub const WAIT_MAX: Duration = Duration::from_secs(600);
/// Long poll without a `wait`.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(300);
/// Long polls and event streams at a time.
pub const WATCHERS: usize = 10_000;
/// Changes read from the journal for one event stream at a time.
pub const WATCH_BATCH: usize = 256;
/// Silence after which an event stream gets a comment, so that proxies keep it open.
pub const WATCH_KEEPALIVE: Duration = Duration::from_secs(15);
/// Addresses in one Endpoints object of Kubernetes' API (its own bound); slices hold all of them.
pub const KUBERNETES_ENDPOINTS: usize = 1000;
/// Hosts in one EndpointSlice (what its controller does): a change sends one slice anew.
pub const KUBERNETES_SLICE_ENDPOINTS: usize = 100;
/// Ports of a service in Kubernetes' API, of all its hosts together.
pub const KUBERNETES_SERVICE_PORTS: usize = 100;
/// Labels of a service in Kubernetes' API, of all its hosts together.
pub const KUBERNETES_LABELS: usize = 256;
/// Time of a watch of Kubernetes' API that names none (its own least).
pub const KUBERNETES_WATCH_TIME: Duration = Duration::from_secs(30 * 60);
/// Longest watch: clients begin anew.
pub const KUBERNETES_WATCH_TIME_MAX: Duration = Duration::from_secs(3600);
/// Time after which a watch that wants bookmarks gets one (Kubernetes').
pub const KUBERNETES_BOOKMARK: Duration = Duration::from_secs(60);

// ---- asking hosts ----

/// Probes at a time: each has a socket, and thousands of hosts that hang for 10 s must not keep the others waiting.
pub const PROBES_AT_A_TIME: usize = 4096;
/// The part of the descriptors of the process that probes may take: clients need the rest.
pub const PROBES_PER_DESCRIPTORS: u64 = 4;
/// The part of the places for probes that is kept for checks whose last probe was over soon: hosts that hang, however
/// many, must not keep the others from being asked.
pub const PROBES_QUICK_SHARE: usize = 4;
/// Time within which a probe is over soon.
pub const PROBE_QUICK: Duration = Duration::from_secs(1);
/// Spread of the first probes of checks that come together.
pub const PROBE_JITTER: Duration = Duration::from_millis(20);
/// First pause between probes of a check that never passed; it doubles with each.
pub const PROBE_RETRY: Duration = Duration::from_millis(250);
/// Probes in a second, of everybody: about half a core, so that checks never take the time of answers.
pub const PROBES_PER_SECOND: u32 = 5000;
/// Probes of one address in a second: whoever registers checks must not be able to flood another with us.
pub const PROBES_PER_TARGET: u32 = 200;
/// Time for which a probe is put off that would be too many.
pub const PROBE_PUT_OFF: Duration = Duration::from_secs(1);
/// Names looked up at a time: the system's resolver takes a thread each.
pub const PROBE_LOOKUPS: usize = 64;
/// Time from one look-up of a host's name to the next: about what a record of such a name lives.
pub const LOOKUP_INTERVAL: Duration = Duration::from_secs(30);
/// Addresses of one name that are tried.
pub const PROBE_ADDRESSES: usize = 4;
/// Time after which a datagram that nobody refused has arrived.
pub const PROBE_UDP_SILENCE: Duration = Duration::from_millis(500);
/// Programs at a time that are asked for the services of this machine: each is a process.
pub const PROBE_PROGRAMS: usize = 8;
/// Octets that are read of what such a program says: three short lines, or why not.
pub const PROBE_PROGRAM_OCTETS: u64 = 4096;
/// Redirects that one probe follows (Consul's bound).
pub const PROBE_REDIRECTS: u32 = 10;
/// Octets of the head of an answer to a probe.
pub const PROBE_HEAD_OCTETS: usize = 16 * 1024;
/// Headers of an answer to a probe.
pub const PROBE_HEADERS: usize = 100;
/// Networks that may be given in `check_deny` and in `check_allow`.
pub const CHECK_NETWORKS: usize = 256;

// ---- stopping ----

/// Time that what was accepted has to be answered in once a stop was asked for.
pub const DRAIN_TIME: Duration = Duration::from_secs(5);

// ---- the program ----

/// Configuration file: hundreds of times the one that is delivered.
pub const CONFIG_FILE_OCTETS: usize = 1024 * 1024;
/// Octets of an unknown setting's name that are compared with the known ones.
pub const SETTING_NAME_OCTETS: usize = 64;
/// DNS listeners: each holds two sockets and its tasks.
pub const DNS_LISTENERS: usize = 64;
/// Octets of one static zone file.
pub const ZONE_FILE_OCTETS: u64 = 128 * 1024 * 1024;
/// Static zone files.
pub const ZONE_FILES: usize = 1000;
/// Further zones of the names of hosts.
pub const APEXES: usize = 64;
/// Networks whose addresses have names; one of them may be as many as 128 zones.
pub const REVERSE_NETWORKS: usize = 256;
/// Services hidden by a zone file that a reload names.
pub const WARNINGS_TOLD: usize = 100;
/// Networks for `auto_ip`: each is compared at a registration.
pub const AUTO_IP_NETWORKS: usize = 64;
/// Threads of the runtime.
pub const THREADS: u64 = 1024;
/// Text of a duration in the settings: every unit with room for its number.
pub const DURATION_OCTETS: usize = 40;
/// Longest record TTL: past a day nobody means discovery.
pub const RECORD_TTL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest grace before the listeners close.
pub const SHUTDOWN_GRACE_MAX: Duration = Duration::from_secs(3600);
/// Time that the tasks have to end in after the drain; then they are stopped.
pub const TASK_END_TIME: Duration = Duration::from_secs(2);
/// Time that a command waits for a connection to the server.
pub const CLIENT_CONNECT_TIME: Duration = Duration::from_secs(5);
/// Time that a command waits for a whole answer.
pub const CLIENT_ANSWER_TIME: Duration = Duration::from_secs(30);
/// Answer that a command reads: a list of a few hundred thousand hosts.
pub const CLIENT_ANSWER_OCTETS: usize = 256 * 1024 * 1024;
/// Octets of lines that `import` sends at a time; a longer line goes alone.
pub const CLIENT_IMPORT_OCTETS: usize = 512 * 1024;
/// Time from one piece of an export to the next.
pub const CLIENT_PIECE_TIME: Duration = Duration::from_secs(60);
/// Times that `import` sends lines again to a server that takes no writes for now, a second apart.
pub const CLIENT_IMPORT_TRIES: u32 = 10;
/// Octets of a file with a token.
pub const CLIENT_TOKEN_OCTETS: u64 = 4096;
/// Answer of a foreign system that `import` reads: a service of Lyft's or a node of Consul's with everything on it.
pub const CLIENT_FOREIGN_OCTETS: usize = 64 * 1024 * 1024;
/// Refusals that `import` names one by one; the others are counted.
pub const CLIENT_REFUSALS: u64 = 100;
/// Answer that a command shows where the server did not say what is wrong in our form.
pub const CLIENT_ERROR_CHARS: usize = 500;
/// Characters of a cell in a table that a command prints: any IPv6 address fits.
pub const CLIENT_CELL_CHARS: usize = 40;
/// Time that `run` gives the server for one answer: where it hangs, a stop waits for the call under way and one more, and
/// Docker gives a program 10 s to end.
pub const RUN_ANSWER_TIME: Duration = Duration::from_secs(3);
/// Heartbeats of `run` in one lease: two may be lost.
pub const RUN_BEATS_PER_LEASE: u32 = 3;
/// First pause of `run` after a call that failed; it doubles with each.
pub const RUN_RETRY: Duration = Duration::from_secs(1);
/// Longest pause of the same: a server that is back is told soon.
pub const RUN_RETRY_MAX: Duration = Duration::from_secs(15);
/// Verdicts that `run` keeps while the server takes its time: the last counts, and one comes in an interval.
pub const RUN_ORDERS: usize = 16;
/// Members of etcd that are asked in turn.
pub const ETCD_ENDPOINTS: usize = 16;
/// Time that a member of etcd has to take a connection.
pub const ETCD_CONNECT_TIME: Duration = Duration::from_secs(1);
/// Time that it has to answer: an election takes about a second, and a client of ours waits so long at most twice.
pub const ETCD_ANSWER_TIME: Duration = Duration::from_secs(2);
/// Time that it has to answer when all that is asked is whether it is there.
pub const ETCD_LOOK_TIME: Duration = Duration::from_millis(700);
/// Pause between two such looks while it is not.
pub const ETCD_LOOK_AGAIN: Duration = Duration::from_millis(300);
/// Idle time after which a connection to it is tested, and between two tests.
pub const ETCD_KEEPALIVE_TIME: Duration = Duration::from_secs(3);
/// See [`ETCD_KEEPALIVE_TIME`].
pub const ETCD_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// Time that an idle connection to it is kept.
pub const ETCD_IDLE_TIME: Duration = Duration::from_secs(30);
/// Answer of etcd that is read: a page of [`ETCD_PAGE`] rows of the longest kind, or one transaction in a watch.
pub const ETCD_ANSWER_OCTETS: usize = 128 * 1024 * 1024;
/// Keys that are read at a time.
pub const ETCD_PAGE: i64 = 500;
/// Shortest pause before etcd is tried again; it doubles up to [`ETCD_RETRY_MAX`].
pub const ETCD_RETRY: Duration = Duration::from_millis(100);
/// Longest pause of the same: who is back is noticed in seconds.
pub const ETCD_RETRY_MAX: Duration = Duration::from_secs(2);
/// Time between two looks whether etcd answers.
pub const ETCD_LOOK: Duration = Duration::from_secs(1);
/// Operations in a transaction: etcd takes 128 unless it is told otherwise.
pub const ETCD_OPERATIONS: usize = 120;
/// Transactions and renewals under way.
pub const ETCD_AT_A_TIME: usize = 128;
/// Renewals and rows that are sent at a time when etcd is back: no storm.
pub const ETCD_RETURN_AT_A_TIME: usize = 16;
/// Time that a commit has to come back by the watch before the watch is begun anew, and after as much again its
/// writer is told that its fate is not known.
pub const ETCD_ECHO_TIME: Duration = Duration::from_secs(2);
/// Pause between questions whether rows are as they are known, each for all requests that wait: a hundred a second are few
/// beside the renewals of those that make so many.
pub const ETCD_SURE_PAUSE: Duration = Duration::from_millis(10);
/// Time after which any server decides whether hosts stay whose leases have ended: the one whose part it is takes a
/// few milliseconds, and is known to be gone after [`ETCD_SERVER_LEASE`].
pub const ETCD_DECISION_TIME: Duration = Duration::from_secs(2);
/// Leases that are asked about to tell how many of a service, or of the table, are about to end: their share is right to a
/// tenth or so.
pub const ETCD_SAMPLE: usize = 32;
/// Services that are asked about before one decision; where more lose hosts together, it is the table that tells.
pub const ETCD_SAMPLED_SERVICES: usize = 16;
/// Lease of a server among those of a table: who is gone is replaced after that time.
pub const ETCD_SERVER_LEASE: Duration = Duration::from_secs(5);
/// Time that etcd remembers that a host was deregistered: servers that were cut off for longer read it as lapsed.
pub const ETCD_DEPARTURE_LEASE: Duration = Duration::from_secs(3600);
/// Time after which the lease of such marks is another.
pub const ETCD_DEPARTURE_TURN: Duration = Duration::from_secs(600);
/// Time at a stop in which writes that are under way are still answered, less than [`TASK_END_TIME`].
pub const ETCD_END_TIME: Duration = Duration::from_secs(1);
/// Watch responses between the watches and the task that takes them over.
pub const ETCD_WATCH_QUEUE: usize = 64;
/// Octets of a row in DynamoDB, as JSON: an item may have 400 kB.
pub const DYNAMODB_ROW_OCTETS: usize = 350 * 1024;
/// Time that DynamoDB has to take a connection, and whoever gives credentials.
pub const DYNAMODB_CONNECT_TIME: Duration = Duration::from_secs(2);
/// Time for a whole answer: a page of a scan has a megabyte at most.
pub const DYNAMODB_ANSWER_TIME: Duration = Duration::from_secs(3);
/// Time that an idle connection to it is kept.
pub const DYNAMODB_IDLE_TIME: Duration = Duration::from_secs(20);
/// Answer that is read: a megabyte of items is a few as JSON.
pub const DYNAMODB_ANSWER_OCTETS: usize = 16 * 1024 * 1024;
/// Tries of one call: what passes by itself has passed then, or the engine is away.
pub const DYNAMODB_TRIES: u32 = 3;
/// Shortest pause between them; it doubles up to [`DYNAMODB_RETRY_MAX`].
pub const DYNAMODB_RETRY: Duration = Duration::from_millis(50);
/// Longest pause of the same, and between looks whether the engine is back.
pub const DYNAMODB_RETRY_MAX: Duration = Duration::from_secs(3);
/// Looks at a table that is being made.
pub const DYNAMODB_TABLE_LOOKS: usize = 60;
/// Time from one to the next.
pub const DYNAMODB_TABLE_LOOK: Duration = Duration::from_secs(1);
/// Items in a transaction: DynamoDB takes no more.
pub const DYNAMODB_TRANSACTION: usize = 100;
/// Writes under way.
pub const DYNAMODB_AT_A_TIME: usize = 64;
/// Time from one round of heartbeats that are written to the next: those that come meanwhile go together.
pub const DYNAMODB_BEATS: Duration = Duration::from_millis(200);
/// Heartbeats that are written at a time: no storm when DynamoDB is back.
pub const DYNAMODB_BEATS_AT_A_TIME: usize = 32;
/// Shortest pause between two readings of the table that can be set: each costs what all of it costs.
pub const DYNAMODB_POLL_MIN: Duration = Duration::from_millis(100);
/// Longest.
pub const DYNAMODB_POLL_MAX: Duration = Duration::from_secs(300);
/// Calls about unknown hosts that wait to be looked up in a shared table: what comes in a moment, not a backlog.
pub const LOOKUPS: usize = 256;
/// Longest wait for such a look-up: a few round trips; then the host is unknown.
pub const LOOKUP_TIME: Duration = Duration::from_secs(2);
/// Look-ups at a time: calls about hosts that are nowhere must not take the places of writes.
pub const LOOKUPS_AT_A_TIME: usize = 16;
/// Look-ups between two readings of the table in DynamoDB: they cost no more than half a reading of 1,000 hosts does.
pub const DYNAMODB_LOOKUPS: u64 = 100;
/// Keys in etcd that are no hosts and are named in the log: enough to see who writes them, and a log is no list.
pub const ETCD_KEYS_TOLD: usize = 20;
/// Characters of such a key, and of what is wrong with it, in the log: either may be a megabyte.
pub const ETCD_KEY_CHARS_TOLD: usize = 200;
/// Octets of a profile file of AWS: its region is looked for in it.
pub const AWS_PROFILE_OCTETS: u64 = 1024 * 1024;
/// Share of a TTL in which a second heartbeat is not passed on to etcd: by so much less than its TTL a host may be
/// silent, and clients beat in a third of it.
pub const ETCD_FRESH_SHARE: u32 = 10;
/// Longest time of the same.
pub const ETCD_FRESH_MAX: Duration = Duration::from_secs(1);
/// Requests that wait for the engine of a shared table: more than HTTP clients there may be, and a tick of expiries.
pub const PROPOSALS: usize = 65_536;
/// Time in which a write to a shared table gets its turn among others of the same row.
pub const SHARED_WRITE_TIME: Duration = Duration::from_secs(5);
