import select
from listening import listen

s = listen()
s.setblocking(False)
ep = select.epoll()
ep.register(s, select.EPOLLIN)
conns = {}
while True:
    for fd, _ in ep.poll():
        if fd == s.fileno():
            try:
                while True:
                    c, _ = s.accept()
                    conns[c.fileno()] = c
                    ep.register(c, select.EPOLLIN)
            except BlockingIOError:
                pass
            continue
        c = conns[fd]
        try:
            data = c.recv(16384)
            if data:
                c.send(data)
                continue
        except ConnectionError:
            pass
        del conns[fd]
        c.close()
