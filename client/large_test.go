package client_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/client"
)

// TestTooLarge: what would end the connection is refused, and from a store that has
// it all the same the messages behind it go out.
func TestTooLarge(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		store := must[*client.FileStore](t)(client.OpenFileStore(filepath.Join(t.TempDir(), "queue")))
		t.Cleanup(func() { _ = store.Close() })
		large := outgoing("large")
		large.Content = strings.Repeat("<", 180_000) // six bytes each on the way
		for _, m := range []client.Outgoing{large, outgoing("small")} {
			if err := store.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		bob := dial(t, s.config(s.addr, "bob", protocol))
		must[client.Room](t)(bob.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		first := dial(t, s.config(s.addr, "ada", protocol))
		must[client.Joined](t)(first.JoinRoom(t.Context(), "hall"))
		first.Close()

		cfg := s.config(s.addr, "ada", protocol)
		cfg.Store = store
		ada := must[*client.Client](t)(client.New(cfg))
		t.Cleanup(ada.Close)
		if u := await(t, ada, any1[*client.Undelivered]); !errors.Is(u.Err, client.ErrTooLarge) || u.Outgoing.ClientMsgID != "id-large" {
			t.Errorf("got %+v", u.Err)
		}
		if d := await(t, ada, any1[*client.Delivered]); d.ClientMsgID != "id-small" {
			t.Errorf("got %+v", d)
		}
		if _, err := ada.Queue(t.Context(), large); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("queued again: %v", err)
		}
		if left := must[[]client.Outgoing](t)(store.Load()); len(left) != 0 {
			t.Errorf("%d are left in the store", len(left))
		}
		if _, err := ada.Room(t.Context(), strings.Repeat("<", 180_000)); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("a command: %v", err)
		}
	})
}
