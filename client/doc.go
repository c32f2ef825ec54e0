// Package client talks to a Sockeye server, over Socket.IO or the plain WebSocket,
// and keeps the server's promises up to the application: what was acknowledged is
// stored, nothing is sent twice, and nothing that happened in a conversation is
// missed, told twice or told out of order, whatever becomes of the connection.
//
//	c, err := client.Dial(ctx, client.Config{
//		URL:   "https://chat.example",
//		Token: client.StaticToken(token),
//	})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	if _, err := c.JoinRoom(ctx, "lobby"); err != nil {
//		return err
//	}
//	if _, err := c.SendToRoom(ctx, client.RoomDraft{RoomID: "lobby", Draft: client.Draft{Content: "Hello"}}); err != nil {
//		return err
//	}
//	for e := range c.Events() {
//		switch e := e.(type) {
//		case *client.RoomMessage:
//			fmt.Println(e.SenderUsername, e.Content)
//		case *client.Disconnected:
//			fmt.Println("lost:", e.Err)
//		}
//	}
//	return c.Err()
//
// # Connection
//
// A client that has lost its connection comes back by itself, after waiting times
// that double, half of each random ([Backoff]). After five attempts in a row that
// failed it tells [ReconnectFailed] and tries every 30 s. Where its server stops and
// others go on, it comes back when it was told to. It stops for good when the
// server does not want it back ([ErrStopped]).
//
// # Events
//
// [Client.Events] has everything that happens, in order. What has a place in the
// log of a conversation (the field Seq) comes exactly once and by rising Seq of
// its conversation. What was missed is fetched, also when the application reads
// too slowly: then the client lets go of events and fetches them again later.
// Events without a place, such as typing, are not told again.
//
// A client that begins hears what happens from then on. With [Config.Since] it
// goes on where an earlier one ended.
//
// # Messages
//
// [Client.SendDirect], [Client.SendToRoom] and [Client.Queue] put messages into a
// queue, from which they go out one after the other, in order, each until the
// server has answered for it; they carry a clientMsgId, so that none is stored
// twice. One that the server refuses for what may pass, such as the rate or a fault
// of its own, is sent again for an hour, after pauses of up to 30 s or what the
// server asks for; then, or when it is refused for good, it is [Undelivered]. The
// queue is in memory, or wherever [Config.Store] keeps it. All other
// commands wait for a connection and are sent once, or again if they only read.
//
//	client.go, config.go   Client, its settings and its state; errors.go what goes wrong
//	loop.go                the one goroutine that owns everything
//	connect.go             connections; token.go and login.go tokens
//	calls.go               commands and their answers
//	queue.go, store.go     messages that wait
//	places.go, catchup.go  logs of conversations: order, holes, sync
//	link.go                a WebSocket; socketio.go and native.go its two protocols
//	events.go, decode.go   what happens
//	messages.go, rooms.go, people.go, reads.go   the commands
package client
