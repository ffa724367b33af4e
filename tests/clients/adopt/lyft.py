"""A stand-in for Lyft's discovery service, which is in no package registry: GET answers as its own code gives them, from
its store in memory and from DynamoDB (which has null for a missing repository and +00:00 in times). Usage: lyft.py PORT"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


def host(ip, service, port, repo, last_check_in, **tags):
    tags = {"az": "us-east-1a", "instance_id": f"i-{ip}", "region": "us-east-1", **tags}
    return {
        "ip_address": ip,
        "last_check_in": last_check_in,
        "port": port,
        "revision": "da08f35b",
        "service": service,
        "service_repo_name": repo,
        "tags": tags,
    }


SERVICES = {
    "web": [
        host("10.9.0.1", "web", 80, "web-repo", "2026-11-20 17:06:20.493541", load_balancing_weight=50),
        host("10.9.0.2", "web", 80, None, "2026-11-20 17:08:14.758176+00:00", canary=True),
        host("10.9.0.3", "web", 81, "", "2026-11-20 17:08:14", own={"nested": [1, "ü"]}, onebox_name="é"),
    ],
    "Orders": [host("10.9.0.4", "Orders", 65535, "web-repo", "2026-11-20 17:08:14.758176+00:00")],
    # Lyft's service takes any port.
    "bad": [host("10.9.0.9", "bad", 99999, "", "2026-11-20 17:08:14")],
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = unquote(self.path).split("/")
        if self.path == "/healthcheck":
            self.answer(200, b"OK", "text/html; charset=utf-8")
        elif parts[:3] == ["", "v1", "registration"] and len(parts) == 4:
            hosts = SERVICES.get(parts[3], [])
            body = {"service": parts[3], "env": "production", "hosts": hosts}
            self.answer(200, json.dumps(body, indent=4).encode() + b"\n", "application/json")
        else:
            self.answer(404, b"<!doctype html>\n<title>404 Not Found</title>\n", "text/html; charset=utf-8")

    def answer(self, status, body, media):
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
