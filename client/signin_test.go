package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestWrongToken stops a client at once, with the server's word for it.
func TestWrongToken(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		cfg := s.config(s.addr, "ada", protocol)
		cfg.Token = client.StaticToken("wrong")
		_, err := client.Dial(t.Context(), cfg)
		if !errors.Is(err, client.ErrStopped) || client.Code(err) != "authentication_failed" {
			t.Errorf("got %v", err)
		}
	})
}

// TestNewToken: a source that has a better token is asked, when the first one is
// refused and when it expires.
func TestNewToken(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		cfg := s.config(s.addr, "ada", protocol)
		const short = 20 * time.Second // three quarters of it until the next one is asked for, a quarter for that
		var asked atomic.Int32
		cfg.Token = func(context.Context) (string, error) {
			switch asked.Add(1) {
			case 1:
				return "wrong", nil
			case 2:
				return s.token("ada", short), nil
			default:
				return s.token("ada", time.Hour), nil
			}
		}
		c := dial(t, cfg)
		if c.UserID() != "ada" {
			t.Errorf("is %q", c.UserID())
		}
		first := must[client.Profile](t)(c.User(t.Context(), "ada"))
		if first.User.Username != "ADA" {
			t.Errorf("got %+v", first)
		}
		must[[]string](t)(c.Subscribe(t.Context(), "news"))
		// It outlives the second token without losing the connection.
		lasts := time.After(short + time.Second)
		for waiting := true; waiting; {
			select {
			case e := <-c.Events():
				if d, lost := e.(*client.Disconnected); lost {
					t.Fatalf("lost: %v", d.Err)
				}
			case <-lasts:
				waiting = false
			}
		}
		if asked.Load() != 3 || c.State() != client.Online {
			t.Errorf("asked %d times, %v", asked.Load(), c.State())
		}
	})
}

// TestExpiredToken: a source without a new token ends the client when the old one
// does.
func TestExpiredToken(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		cfg := s.config(s.addr, "ada", protocol)
		var isIn atomic.Bool
		var last string
		cfg.Token = func(context.Context) (string, error) {
			if !isIn.Load() { // a slow machine may need several
				last = s.token("ada", 4*time.Second)
			}
			return last, nil
		}
		c := dial(t, cfg)
		isIn.Store(true)
		if d := await(t, c, any1[*client.Disconnected]); client.Code(d.Err) != "token_expired" {
			t.Errorf("lost for %v", d.Err)
		}
		for range c.Events() {
		}
		if !errors.Is(c.Err(), client.ErrStopped) || c.State() != client.Stopped {
			t.Errorf("%v, %v", c.Err(), c.State())
		}
		if _, err := c.Room(t.Context(), "hall"); !errors.Is(err, client.ErrStopped) {
			t.Errorf("a command: %v", err)
		}
	})
}

// TestPassword signs in to a local account.
func TestPassword(t *testing.T) {
	s := startServer(t)
	url := "http://" + s.addr
	body := strings.NewReader(`{"login":"ada","username":"Ada","password":"correct horse battery"}`)
	httpClient := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := httpClient.Post(url+"/api/v1/accounts", "application/json", body)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()
	cfg := s.config(s.addr, "ada", client.SocketIO)
	cfg.Token = client.Password(url, "ada", "correct horse battery", httpClient)
	c := dial(t, cfg)
	if me := must[client.Profile](t)(c.User(t.Context(), c.UserID())); me.User.Login != "ada" {
		t.Errorf("is %+v", me)
	}
	cfg.Token = client.Password(url, "ada", "battery horse correct", httpClient)
	if _, err := client.Dial(t.Context(), cfg); client.Code(err) != "invalid_credentials" || !errors.Is(err, client.ErrStopped) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestConfig(t *testing.T) {
	token := client.StaticToken("t")
	for says, cfg := range map[string]client.Config{
		"URL":      {URL: "chat.example", Token: token},
		"scheme":   {URL: "ftp://chat.example", Token: token},
		"Token":    {URL: "http://chat.example"},
		"Protocol": {URL: "http://chat.example", Token: token, Protocol: 7},
		"negative": {URL: "http://chat.example", Token: token, Buffer: -1},
	} {
		if _, err := client.New(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
