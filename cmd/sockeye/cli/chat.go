package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/cmd/sockeye/chat"
	"github.com/sockeye-im/sockeye/internal/config"
)

// chatCommands groups what a person or a script can do as a user of a server.
type chatCommands struct {
	Room   chatRoom   `cmd:"" help:"Join a room and talk there."`
	DM     chatDirect `cmd:"" name:"dm" help:"Talk with a user."`
	Follow chatFollow `cmd:"" help:"Show what happens, in rooms or everywhere."`
	Send   chatSend   `cmd:"" help:"Send a message, or each line of standard input as one, and return when all are stored."`
}

// chatServer says which server, and as whom. What is not given is looked for in the environment: the password and the
// token should not stand where other users of the machine see them.
type chatServer struct {
	URL      string        `name:"url" placeholder:"URL" help:"The server. Default http://127.0.0.1:3000. ($SOCKEYE_URL)"`
	Token    string        `placeholder:"TOKEN" help:"Whose token. ($SOCKEYE_TOKEN)"`
	User     string        `placeholder:"LOGIN" help:"Log in to an account of the server, in place of a token. ($SOCKEYE_USER)"`
	Password string        `placeholder:"PASSWORD" help:"Of that account. ($SOCKEYE_PASSWORD)"`
	Protocol string        `enum:"socketio,websocket" default:"socketio" help:"socketio or websocket."`
	Patience time.Duration `default:"15s" help:"How long to try to connect at first."`
	JSON     bool          `name:"json" help:"One JSON object a line, in and out."`
}

// chatView says what is shown.
type chatView struct {
	History int  `default:"20" help:"How many of the last messages to show first, at most 50."`
	Joins   bool `negatable:"" default:"true" help:"Show who comes and goes."`
	Typing  bool `help:"Show who types."`

	Notify string `placeholder:"COMMAND" help:"Run a command of the shell when somebody writes to you or mentions you. It finds what in $SOCKEYE_NOTICE_TITLE and $SOCKEYE_NOTICE_BODY, where in $SOCKEYE_NOTICE_ROOM, and who in $SOCKEYE_NOTICE_SENDER."`
}

// fill takes what was not given from the environment.
func (s *chatServer) fill(p Program) error {
	for name, value := range map[string]*string{"url": &s.URL, "token": &s.Token, "user": &s.User, "password": &s.Password} {
		if *value == "" {
			*value, _ = p.Lookup(config.EnvName(name))
		}
	}
	if s.URL == "" {
		s.URL = "http://127.0.0.1:3000"
	}
	switch {
	case s.Token == "" && s.User == "":
		return errors.New("--token is missing, or --user with --password (or SOCKEYE_TOKEN, SOCKEYE_USER, SOCKEYE_PASSWORD)")
	case s.Token == "" && s.Password == "":
		return errors.New("--password is missing (or SOCKEYE_PASSWORD)")
	case s.Patience <= 0:
		return errors.New("--patience must be more than 0s")
	}
	return nil
}

func (s *chatServer) config() client.Config {
	c := client.Config{URL: s.URL, Token: client.StaticToken(s.Token)}
	if s.Protocol == "websocket" {
		c.Protocol = client.WebSocket
	}
	if s.Token == "" {
		c.Token = client.Password(s.URL, s.User, s.Password, nil)
	}
	return c
}

// with runs do on a client that is online.
func (s *chatServer) with(ctx context.Context, p Program, v chatView, do func(*chat.Session) error) error {
	if err := s.fill(p); err != nil {
		return usageError{err}
	}
	if v.History < 0 || v.History > 50 {
		return usageError{fmt.Errorf("--history is %d, it must be from 0 to 50", v.History)}
	}
	c, err := client.New(s.config())
	if err != nil {
		return usageError{fmt.Errorf("--url: %s", strings.TrimPrefix(err.Error(), "client: "))}
	}
	defer c.Close()
	if err := s.reach(ctx, p, c); err != nil {
		if ctx.Err() != nil {
			return nil // the user has had enough
		}
		return s.explain(err)
	}
	err = do(chat.New(c, chat.Streams{In: p.Stdin, Out: p.Stdout, Err: p.Stderr}, chat.Options{
		JSON: s.JSON, History: v.History, Joins: v.Joins, Typing: v.Typing, Notify: v.Notify,
	}))
	if errors.Is(err, client.ErrStopped) {
		return s.explain(err)
	}
	return err
}

// saysAfter is how long nothing is said of a server that does not answer.
const saysAfter = 2 * time.Second

// reach waits until the client is online, and says so when that takes a while.
func (s *chatServer) reach(ctx context.Context, p Program, c *client.Client) error {
	patient, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	quiet, stop := context.WithTimeout(patient, saysAfter)
	defer stop()
	err := c.Ready(quiet)
	if !errors.Is(err, context.DeadlineExceeded) || patient.Err() != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.Stderr, "%s does not answer yet, trying for %s\n", s.URL, s.Patience)
	return c.Ready(patient)
}

// explain names the flag that is at fault.
func (s *chatServer) explain(err error) error {
	unreached := errors.Is(err, context.DeadlineExceeded)
	switch client.Code(err) {
	case "authentication_failed":
		return fmt.Errorf("--token was refused by %s", s.URL)
	case "token_expired", "token_revoked":
		return fmt.Errorf("--token is no good any more (%s)", client.Code(err))
	case "account_disabled":
		return errors.New("the account is disabled")
	case "invalid_credentials":
		return errors.New("--user or --password is wrong")
	}
	if cause := new(net.OpError); errors.As(err, &cause) {
		err = cause
	}
	if unreached {
		return fmt.Errorf("--url %s could not be reached within %s: %w", s.URL, s.Patience, err)
	}
	return err
}

type chatRoom struct {
	chatServer `embed:""`
	chatView   `embed:""`

	ID string `arg:"" help:"The room's id."`
}

// Run talks until the input ends.
func (r *chatRoom) Run(ctx context.Context, p Program) error {
	return r.with(ctx, p, r.chatView, func(s *chat.Session) error { return s.Talk(ctx, chat.Place{RoomID: r.ID}) })
}

type chatDirect struct {
	chatServer `embed:""`
	chatView   `embed:""`

	User string `arg:"" name:"user" help:"The user's id, or the login name of an account."`
}

// Run talks until the input ends.
func (d *chatDirect) Run(ctx context.Context, p Program) error {
	return d.with(ctx, p, d.chatView, func(s *chat.Session) error {
		return withUser(ctx, s, d.User, func(id string) error { return s.Talk(ctx, chat.Place{UserID: id}) })
	})
}

// withUser runs do with the id of a user. What goes wrong with a user whom the server does not know begins with that.
func withUser(ctx context.Context, s *chat.Session, idOrLogin string, do func(id string) error) error {
	id, known, err := s.User(ctx, idOrLogin)
	if err != nil {
		return err
	}
	if err = do(id); err != nil && !known {
		return fmt.Errorf("no user with the id or the login %q is known: %w", idOrLogin, err)
	}
	return err
}

type chatFollow struct {
	chatServer `embed:""`
	chatView   `embed:""`

	Rooms []string `arg:"" optional:"" help:"Rooms, which are joined. Default: all conversations of the user."`
}

// Run shows until it is interrupted.
func (f *chatFollow) Run(ctx context.Context, p Program) error {
	return f.with(ctx, p, f.chatView, func(s *chat.Session) error { return s.Follow(ctx, f.Rooms) })
}

type chatSend struct {
	chatServer `embed:""`

	Room string   `placeholder:"ID" help:"To a room that the user is a member of."`
	To   string   `placeholder:"USER" help:"To a user: the id, or the login name of an account."`
	Text []string `arg:"" optional:"" help:"What to say. Default: standard input, each line a message."`
}

// Run sends. With --json it prints where each message is stored.
func (c *chatSend) Run(ctx context.Context, p Program) error {
	if (c.Room == "") == (c.To == "") {
		return usageError{errors.New("either --room or --to is needed")}
	}
	return c.with(ctx, p, chatView{}, func(s *chat.Session) error {
		text := strings.Join(c.Text, " ")
		if c.To == "" {
			return s.Send(ctx, chat.Place{RoomID: c.Room}, text)
		}
		return withUser(ctx, s, c.To, func(id string) error { return s.Send(ctx, chat.Place{UserID: id}, text) })
	})
}
