import asyncio
from listening import listen

async def handle(reader, writer):
    try:
        while data := await reader.read(16384):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()

async def main():
    server = await asyncio.start_server(handle, sock=listen(), backlog=4096)
    await server.serve_forever()

asyncio.run(main())
