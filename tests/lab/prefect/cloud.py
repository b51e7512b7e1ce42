"""What Prefect Cloud has and a server of one's own has not, in front of the lab's server: a workspace in the address, an
API key as bearer token and in the first frame of the event socket, and no version or settings to ask for.

  cloud.py where PORT                       the workspace's address
  cloud.py serve PORT UPSTREAM AUTH KEY     answer on loopback
  cloud.py check URL KEY DEPLOYMENT         Prefect's own clients, told that this is their cloud: list the deployments, start a
                                            run and hear of it. Prints what they saw
"""
import asyncio
import os
import sys

WORKSPACE = "/api/accounts/00000000-0000-0000-0000-00000000000a/workspaces/00000000-0000-0000-0000-00000000000b"


def serve(port, upstream, auth, key):
    import httpx
    import uvicorn
    import websockets
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route, WebSocketRoute

    client = httpx.AsyncClient(base_url=f"{upstream}/api", auth=tuple(auth.split(":", 1)), timeout=60, trust_env=False)

    async def pass_on(request):
        if request.headers.get("authorization") != f"Bearer {key}":
            return JSONResponse({"detail": "Invalid authentication credentials"}, 401)
        path = request.path_params["path"]
        if path.startswith("admin/"):
            return JSONResponse({"detail": "Not Found"}, 404)
        keep = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "authorization", "content-length")}
        answer = await client.request(request.method, f"/{path}", params=request.query_params, content=await request.body(), headers=keep)
        headers = {k: v for k, v in answer.headers.items() if k.lower() in ("content-type", "retry-after", "date")}
        return Response(answer.content, answer.status_code, headers)

    async def events(socket):
        if "prefect" not in socket.scope["subprotocols"]:
            return await socket.close(1002)
        await socket.accept(subprotocol="prefect")
        hello = await socket.receive_json()
        if hello.get("type") != "auth" or hello.get("token") != key:
            return await socket.close(1008, "Auth required but no token provided")
        there = upstream.replace("http", "ws", 1) + "/api/events/out"
        async with websockets.connect(there, subprotocols=["prefect"], proxy=None) as server:
            await server.send('{"type": "auth", "token": "%s"}' % auth)

            async def up():
                while True:
                    await server.send(await socket.receive_text())

            async def down():
                async for text in server:
                    await socket.send_text(text)

            both = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()

    routes = [WebSocketRoute(WORKSPACE + "/events/out", events),
              Route(WORKSPACE + "/{path:path}", pass_on, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning")


async def check(url, key, deployment):
    from prefect.client.orchestration import ServerType, get_client
    from prefect.events.clients import PrefectCloudEventSubscriber
    from prefect.events.filters import EventFilter, EventNameFilter

    async with get_client() as client:
        assert client.server_type == ServerType.CLOUD, client.server_type
        found = await client.read_deployments()
        print("deployments:", len(found))
        wanted = EventFilter(event=EventNameFilter(prefix=["prefect.flow-run."]))
        async with PrefectCloudEventSubscriber(url, key, wanted) as events:
            flow, name = deployment.split("/")
            of = next(d for d in found if d.name == name and d.entrypoint.endswith(":" + flow))
            run = await client.create_flow_run_from_deployment(of.id)

            async def heard():
                async for event in events:
                    if event.resource.id.endswith(str(run.id)) and event.event == "prefect.flow-run.Completed":
                        return event.event
            print("heard:", await asyncio.wait_for(heard(), 90))


if __name__ == "__main__":
    if sys.argv[1] == "where":
        print(f"http://127.0.0.1:{sys.argv[2]}{WORKSPACE}")
    elif sys.argv[1] == "serve":
        serve(int(sys.argv[2]), *sys.argv[3:6])
    else:
        url, key = sys.argv[2:4]
        os.environ.update(PREFECT_API_URL=url, PREFECT_API_KEY=key, PREFECT_CLOUD_API_URL=url.split("/accounts/")[0])
        os.environ.pop("PREFECT_API_AUTH_STRING", None)
        asyncio.run(check(url, key, sys.argv[4]))
