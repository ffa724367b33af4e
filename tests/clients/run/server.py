"""A service such as people have: it answers /health with 503 while a file exists, and /v1/users/NAME. At SIGTERM and SIGINT
it writes down what DNS says of it at that very moment, and ends with 7.

Arguments: the port, the file, the name to ask for, address and port of DNS; then a certificate, for https."""
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys

PORT, FILE, NAME, DNS, DNS_PORT = int(sys.argv[1]), *sys.argv[2:6]


def stop(number, _frame):
    asked = subprocess.run(["dig", f"@{DNS}", "-p", DNS_PORT, "+tries=1", NAME], capture_output=True, text=True, check=False)
    status = asked.stdout.partition("status: ")[2].partition(",")[0] or "nothing"
    print(f"{signal.Signals(number).name}: DNS says {status}", flush=True)
    os._exit(7)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            code, body = (503 if os.path.exists(FILE) else 200), {"from": PORT}
        else:
            code, body = 200, {"name": self.path.rsplit("/", 1)[1]}
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments):
        pass


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
if len(sys.argv) > 6:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[6])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", flush=True)
server.serve_forever()
