from gevent import monkey
monkey.patch_all()
from gevent.server import StreamServer
from listening import listen, serve

StreamServer(listen(), lambda c, address: serve(c)).serve_forever()
