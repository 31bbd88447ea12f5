import select
from listening import listen

s = listen()
conns = {s}
while True:
    for c in select.select(conns, [], [])[0]:
        if c is s:
            conns.add(s.accept()[0])
            continue
        try:
            data = c.recv(16384)
            if data:
                c.send(data)
                continue
        except ConnectionError:
            pass
        conns.discard(c)
        c.close()
