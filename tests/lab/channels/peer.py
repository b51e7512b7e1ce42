"""Peers of channels that others wrote.

peer.py certificates DIR   a certificate authority and a certificate for 127.0.0.1
peer.py smtp DIR           aiosmtpd with STARTTLS and with TLS, both with a login; every mail becomes a file in DIR/mail
peer.py check KIND         a recorded request as JSON on stdin, judged by the vendor's own library; exit 1 and why, or what it read
"""
import json
import pathlib
import sys


def certificates(home):
    import trustme

    ca = trustme.CA()
    cert = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(home / "ca.pem")
    cert.private_key_pem.write_to_path(home / "key.pem")
    with open(home / "cert.pem", "wb") as out:
        for blob in cert.cert_chain_pems:
            out.write(blob.bytes())


def smtp(home):
    import asyncio
    import ssl

    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    password = (home / "password").read_text().strip()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "cert.pem", home / "key.pem")
    count = 0

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("full@"):
                return "452 4.2.2 mailbox full"
            if address.startswith("nobody@"):
                return "550 5.1.1 no such user"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            nonlocal count
            count += 1
            mail = {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "content": envelope.content.decode("utf-8", "replace"),
            }
            new = home / "mail" / f"{count:04}.new"
            new.write_text(json.dumps(mail))
            new.rename(home / "mail" / f"{count:04}.json")
            return "250 OK"

    def login(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and data.password.decode() == password and data.login == b"dagtop"
        return AuthResult(success=good, handled=good)

    async def main():
        loop = asyncio.get_running_loop()
        options = dict(authenticator=login, auth_required=True, hostname="lab")
        starttls = lambda: SMTP(Handler(), tls_context=context, require_starttls=True, **options)
        smtps = lambda: SMTP(Handler(), auth_require_tls=False, **options)
        await loop.create_server(starttls, "127.0.0.1", int((home / "starttls").read_text()))
        await loop.create_server(smtps, "127.0.0.1", int((home / "smtps").read_text()), ssl=context)
        await asyncio.Event().wait()

    asyncio.run(main())


def check_slack(request):
    """slack_sdk's models hold the limits of blocks."""
    from slack_sdk.models.blocks import Block

    body = json.loads(request["body"])
    blocks = [Block.parse(block) for block in body["blocks"]]
    assert all(block is not None for block in blocks), body
    for block in blocks:
        block.validate_json()
    if "channel" not in body:
        return {"blocks": len(blocks)}
    from slack_sdk.web.internal_utils import _parse_web_class_objects

    _parse_web_class_objects(body)
    return {"blocks": len(blocks), "channel": body["channel"]}


def fake(status, answer):
    """A server that takes one request; its address and what it was asked."""
    import http.server
    import threading

    seen = {}

    class Fake(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.update(path=self.path, headers=dict(self.headers.items()), body=body.decode())
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}", seen


def check_slack_call(request):
    """The same call by slack_sdk: path, login and kind of body must be the same."""
    from slack_sdk import WebClient

    url, seen = fake(200, {"ok": True, "ts": "1.2", "channel": "C1"})
    body = json.loads(request["body"])
    token = request["headers"]["authorization"].removeprefix("Bearer ")
    client = WebClient(token=token, base_url=f"{url}/api/")
    method = request["path"].rsplit("/", 1)[-1]
    {"chat.postMessage": client.chat_postMessage, "chat.update": client.chat_update}[method](**body)
    theirs = {key.lower(): value for key, value in seen["headers"].items()}
    assert seen["path"] == request["path"], (seen, request["path"])
    assert theirs["authorization"] == request["headers"]["authorization"]
    assert theirs["content-type"].split(";")[0] == request["headers"]["content-type"].split(";")[0], theirs
    assert json.loads(seen["body"]) == body, (seen["body"], body)
    return {"path": seen["path"]}


def check_pagerduty(request):
    """What PagerDuty's client sends for the same event must be in ours, letter by letter."""
    import pagerduty

    import httpx2

    body = json.loads(request["body"])
    seen = {}

    class Client(pagerduty.EventsApiV2Client):
        def post(self, path, json=None, **kwargs):
            seen.update(path=path, body=json)
            answer = {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}
            return httpx2.Response(202, json=answer, request=httpx2.Request("POST", self.default_base_url + path))

    client = Client(body["routing_key"])
    action = body["event_action"]
    if action == "trigger":
        payload = body["payload"]
        client.trigger(payload["summary"], payload["source"], dedup_key=body["dedup_key"], severity=payload["severity"],
                       custom_details=payload["custom_details"], links=body["links"])
    elif action == "resolve":
        client.resolve(body["dedup_key"])
    else:
        client.acknowledge(body["dedup_key"])
    assert seen["path"] == request["path"], (seen["path"], request["path"])

    def within(theirs, ours, at):
        for key, value in theirs.items():
            assert key in ours, f"{at}.{key} is missing"
            if isinstance(value, dict):
                within(value, ours[key], f"{at}.{key}")
            else:
                assert ours[key] == value, f"{at}.{key}: {ours[key]!r} is not {value!r}"

    within(seen["body"], body, "event")
    return {"fields": sorted(seen["body"])}


def check_opsgenie(request):
    """opsgenie_sdk's model refuses what is too long or no priority."""
    import opsgenie_sdk

    body = json.loads(request["body"])
    names = {v: k for k, v in opsgenie_sdk.CreateAlertPayload.attribute_map.items()}
    unknown = set(body) - set(names)
    assert not unknown, unknown
    made = opsgenie_sdk.CreateAlertPayload(**{names[key]: value for key, value in body.items()})
    return {"alias": made.alias, "priority": made.priority}


def check_twilio(request):
    """The same message by Twilio's client: method, address, login and fields must be the same."""
    import logging
    from urllib.parse import parse_qsl, urlparse

    from twilio.http import HttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    seen = {}

    class Capture(HttpClient):
        def __init__(self):
            super().__init__(logging.getLogger("twilio"), False)

        def request(self, method, url, params=None, data=None, headers=None, auth=None, **kwargs):
            seen.update(method=method, path=urlparse(url).path, data=dict(data), auth=auth)
            return Response(201, json.dumps({"sid": "SM1", "status": "queued", "account_sid": "AC1"}))

    fields = dict(parse_qsl(request["body"], keep_blank_values=True))
    account = request["path"].split("/")[3]
    client = Client(account, "token", http_client=Capture())
    client.messages.create(to=fields["To"], from_=fields["From"], body=fields["Body"])
    assert (seen["method"], seen["path"]) == (request["method"], request["path"]), seen
    assert seen["data"] == fields, (seen["data"], fields)
    return {"fields": sorted(fields), "length": len(fields["Body"])}


def check_webhook(request):
    """The reference library of Standard Webhooks verifies the signature."""
    import standardwebhooks

    hook = standardwebhooks.Webhook(request["secret"])
    read = hook.verify(request["body"], request["headers"])
    try:
        hook.verify(request["body"] + " ", request["headers"])
    except standardwebhooks.WebhookVerificationError:
        return {"title": read["title"], "dedup_key": read["dedup_key"]}
    raise AssertionError("a changed body was verified too")


def check_eventhubs(request):
    """azure-eventhub signs the same address until the same time: the signature must be the same."""
    from urllib.parse import unquote

    from azure.eventhub._client_base import generate_sas_token

    header = request["headers"]["authorization"]
    fields = dict(pair.split("=", 1) for pair in header.removeprefix("SharedAccessSignature ").split("&"))
    resource = unquote(fields["sr"])
    theirs = generate_sas_token(resource, unquote(fields["skn"]), request["secret"], int(fields["se"]))
    read = dict(pair.split("=", 1) for pair in theirs.removeprefix("SharedAccessSignature ").split("&"))
    assert unquote(read["sig"]) == unquote(fields["sig"]), (theirs, header)
    assert unquote(read["sr"]) == resource and read["se"] == fields["se"], (theirs, header)
    return {"resource": resource}


def main():
    verb = sys.argv[1] if len(sys.argv) > 2 else ""
    if verb == "certificates":
        certificates(pathlib.Path(sys.argv[2]))
    elif verb == "smtp":
        smtp(pathlib.Path(sys.argv[2]))
    elif verb == "check":
        print(json.dumps(globals()["check_" + sys.argv[2]](json.load(sys.stdin))))
    else:
        sys.exit(__doc__)


main()
