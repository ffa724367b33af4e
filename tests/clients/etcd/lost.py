"""An etcd whose answers get lost: what is asked arrives, and the first answer to each transaction does not come back.

Usage: lost.py ENDPOINT. Prints its port. The same body asked again is answered, as a member does that is asked after another.
Watches are passed on as they come.
"""
import http.client
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

etcd = urlsplit(sys.argv[1])
seen = set()


class Passer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        upstream = http.client.HTTPConnection(etcd.hostname, etcd.port)
        upstream.request("POST", self.path, body, {"content-type": "application/json"})
        answer = upstream.getresponse()
        if self.path == "/v3/kv/txn" and b"requestPut" in body and body not in seen:
            seen.add(body)
            answer.read()
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while True:
            piece = answer.read1(65536)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            if not piece:
                break
        upstream.close()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Passer)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
