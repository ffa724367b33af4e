"""HTTP servers that say where they are: one for each ADDRESS:PORT given."""

import http.server
import sys
import threading


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers everything with its own address."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Says the address that was asked."""
        text = self.server.server_address[0].encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Says nothing of it."""


for place in sys.argv[1:]:
    address, port = place.rsplit(":", 1)
    server = http.server.ThreadingHTTPServer((address, int(port)), Backend)
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
