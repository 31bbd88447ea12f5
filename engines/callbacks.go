package engines

import "context"

// The calls into a handler, one by one rather than through a closure, which would be garbage on every event. Each
// turns a panic into an error.

func (c *Conn) linear(ctx context.Context, app *App) (err error) {
	defer caught(&err)
	return app.Linear(ctx, c)
}

func (c *Conn) open(app *App) (reply []byte, err error) {
	defer caught(&err)
	return app.Open(c)
}

func (c *Conn) data(app *App, data []byte) (reply []byte, err error) {
	defer caught(&err)
	return app.Data(c, data)
}

func (c *Conn) readable(app *App) (err error) {
	defer caught(&err)
	return app.Readable(c)
}

func (c *Conn) writable(app *App) (err error) {
	defer caught(&err)
	return app.Writable(c)
}

func (c *Conn) closed(app *App, why error) (err error) {
	defer caught(&err)
	return app.Close(c, why)
}
