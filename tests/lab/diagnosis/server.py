"""An HTTP and an HTTPS server on loopback that answer what a failing service answers: /401, /503, /slow, /s3/..."""
import http.server
import socket
import ssl
import subprocess
import sys
import threading
import time

S3 = {
    "denied": (403, "AccessDenied", "Access Denied"),
    "nokey": (404, "NoSuchKey", "The specified key does not exist."),
    "slowdown": (503, "SlowDown", "Please reduce your request rate."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body, kind="text/plain"):
        data = body.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path = self.path.split("?")[0].strip("/")
        last = path.split("/")[-1]
        if path.isdigit():
            self.answer(int(path), "no")
        elif path == "slow":
            time.sleep(30)
        elif path == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"id,amount\n1,2\n")
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif path == "reset":
            self.close_connection = True
        elif path == "html":
            self.answer(200, "<html><body>please sign in</body></html>", "text/html")
        elif last in S3:
            code, name, text = S3[last]
            xml = f"<?xml version='1.0'?><Error><Code>{name}</Code><Message>{text}</Message><RequestId>1</RequestId></Error>"
            self.answer(code, xml, "application/xml")
        else:
            self.answer(200, '{"rows": 3}', "application/json")

    do_PUT = do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


def serve(folder):
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    for server in (plain, secure):
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return plain.server_port, secure.server_port


if __name__ == "__main__":
    print(*serve(sys.argv[1]), flush=True)
    threading.Event().wait()
