import multiprocessing
from listening import listen, serve

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    s = listen()
    while True:
        c, _ = s.accept()
        multiprocessing.Process(target=serve, args=(c,), daemon=True).start()
        c.close()
        multiprocessing.active_children()  # reaps those that have ended
