package client_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

func outgoing(content string) client.Outgoing {
	return client.Outgoing{RoomID: "hall", Draft: client.Draft{Content: content, ClientMsgID: "id-" + content}}
}

func TestFileStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	open := func() (*client.FileStore, []client.Outgoing) {
		s := must[*client.FileStore](t)(client.OpenFileStore(path))
		return s, must[[]client.Outgoing](t)(s.Load())
	}
	s, waiting := open()
	if len(waiting) != 0 {
		t.Fatalf("a new file has %v", waiting)
	}
	for i := range 3000 {
		if err := s.Add(outgoing(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		if i >= 3 {
			if err := s.Remove(fmt.Sprintf("id-%d", i-3)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if info := must[os.FileInfo](t)(os.Stat(path)); info.Size() > 200_000 {
		t.Errorf("the file has %d bytes for 3 messages", info.Size())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := must[*os.File](t)(os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0))
	_, err := file.WriteString(`{"add":{"roomId":"hall","content":"half`) // the power went
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	s, waiting = open()
	if len(waiting) != 3 || waiting[0].Content != "2997" || waiting[2].Content != "2999" || waiting[2].RoomID != "hall" {
		t.Errorf("kept %+v", waiting)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.OpenFileStore(path); err == nil {
		t.Error("a file that is something else was opened")
	}
}

// TestQueueSurvivesRestart: what was said without a server goes out from the next
// client, once and in order.
func TestQueueSurvivesRestart(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		bob := dial(t, s.config(s.addr, "bob", protocol))
		must[client.Room](t)(bob.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		cfg := s.config(s.addr, "ada", protocol)
		joined := dial(t, cfg)
		must[client.Joined](t)(joined.JoinRoom(t.Context(), "hall"))
		must[client.Sent](t)(joined.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: outgoing("0").Draft}))
		joined.Close()

		path := filepath.Join(t.TempDir(), "queue")
		store := must[*client.FileStore](t)(client.OpenFileStore(path))
		away := cfg
		away.URL, away.Store, away.QueueLimit = "http://127.0.0.1:1", store, 10
		offline := must[*client.Client](t)(client.New(away))
		for i := range 10 { // the first one has been stored already
			must[string](t)(offline.Queue(t.Context(), outgoing(strconv.Itoa(i))))
		}
		if _, err := offline.Queue(t.Context(), outgoing("10")); !errors.Is(err, client.ErrQueueFull) {
			t.Errorf("one too many: %v", err)
		}
		offline.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}

		store = must[*client.FileStore](t)(client.OpenFileStore(path))
		cfg.Store = store
		ada := dial(t, cfg)
		for i := range 10 {
			d := await(t, ada, any1[*client.Delivered])
			if d.ClientMsgID != fmt.Sprintf("id-%d", i) || d.RoomID != "hall" || d.Seq == 0 {
				t.Errorf("delivery %d is %+v", i, d)
			}
		}
		ada.Close()
		if left := must[[]client.Outgoing](t)(store.Load()); len(left) != 0 {
			t.Errorf("left in the store: %v", left)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		heard := follow(t, bob, 10, func(int) {})
		heard.check(t, "bob")
	})
}

// TestRefusedMessage: one that the server does not take holds nothing up.
func TestRefusedMessage(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		ada := dial(t, s.config(s.addr, "ada", protocol))
		must[client.Room](t)(ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		must[string](t)(ada.Queue(t.Context(), client.Outgoing{RoomID: "nowhere", Draft: client.Draft{Content: "x"}}))
		if _, err := ada.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall"}); client.Code(err) != "missing_fields" {
			t.Errorf("an empty message: %v", err)
		}
		must[client.Sent](t)(ada.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: client.Draft{Content: "x"}}))
		if u := await(t, ada, any1[*client.Undelivered]); client.Code(u.Err) != "room_not_found" || u.Outgoing.RoomID != "nowhere" {
			t.Errorf("got %+v", u)
		}
	})
}

// TestRateIsHonoured: more than the server takes goes out when it takes it.
func TestRateIsHonoured(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t, "--limits=on", "--rate-events=120/min")
		ada := dial(t, s.config(s.addr, "ada", protocol))
		must[client.Room](t)(ada.CreateRoom(t.Context(), client.NewRoom{ID: "hall", Name: "Hall"}))
		began := time.Now()
		for i := range 123 {
			must[string](t)(ada.Queue(t.Context(), client.Outgoing{RoomID: "hall", Draft: client.Draft{Content: strconv.Itoa(i)}}))
		}
		heard := follow(t, ada, 123, func(int) {})
		heard.check(t, "ada")
		if took := time.Since(began); took < 500*time.Millisecond {
			t.Errorf("took %s, the rate was not met", took)
		}
	})
}
