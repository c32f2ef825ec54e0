package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/sockeye-im/sockeye/client"
)

// A client connects, asks, and hears what happens.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(exampleServer))
	defer server.Close()

	c, err := client.Dial(context.Background(), client.Config{
		URL:      server.URL,
		Protocol: client.WebSocket,
		Token:    client.StaticToken("a token of your application"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println("I am", c.UserID())
	for e := range c.Events() {
		switch e := e.(type) {
		case *client.CaughtUp:
			fmt.Println("nothing is missing")
		case *client.RoomMessage:
			fmt.Printf("%s: %s\n", e.SenderUsername, e.Content)
			return
		}
	}
	// Output:
	// I am ada
	// nothing is missing
	// Grace: Noodles?
}

// A store in a file keeps what is said while there is no network, over restarts of
// the program.
func ExampleOpenFileStore() {
	store, err := client.OpenFileStore(folder + "/example-queue")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
	c, err := client.New(client.Config{URL: "http://127.0.0.1:1", Token: client.StaticToken("t"), Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, err = c.Queue(context.Background(), client.Outgoing{RoomID: "lobby", Draft: client.Draft{Content: "Hello"}})
	fmt.Println(c.Queued(), err)
	// Output: 1 <nil>
}

// exampleServer stands for a server with one room in which one thing is said.
func exampleServer(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sockeye.v1"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	say := func(text string) { _ = conn.Write(r.Context(), websocket.MessageText, []byte(text)) }
	say(`{"type":"connection","status":"connected","userId":"ada"}`)
	if _, _, err := conn.Read(r.Context()); err != nil { // the client's sync
		return
	}
	say(`{"type":"ack","ref":0,"ok":true,"conversations":{},"new":[],"more":false}`)
	say(`{"type":"room:message","conversationId":"c","seq":7,"roomId":"lobby","senderUsername":"Grace","content":"Noodles?"}`)
	_, _, _ = conn.Read(r.Context()) // until the client leaves
}
