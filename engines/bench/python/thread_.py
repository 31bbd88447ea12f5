import threading
from listening import listen, serve

threading.stack_size(256 << 10)
s = listen()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
