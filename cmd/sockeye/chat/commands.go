package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sockeye-im/sockeye/client"
)

const help = `/me TEXT      say what you do
/who          who is in the room, or whether the user is here
/history [N]  the last N messages, 20
/leave        leave the room for good, and quit
/quit         quit; you stay a member
//TEXT        a message that begins with a slash`

// command does what a line with a slash says.
func (t *talk) command(ctx context.Context, line string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	switch name {
	case "/quit", "/q", "/exit":
		t.ended = true
	case "/me":
		if rest == "" {
			err = errors.New("/me wants a text")
			break
		}
		return t.submit(ctx, client.Draft{Content: "*" + rest + "*"})
	case "/who":
		err = t.who(ctx)
	case "/history":
		err = t.history(ctx, rest)
	case "/leave":
		err = t.leave(ctx)
	case "/help", "/?":
		t.view.note(help)
	default:
		err = fmt.Errorf("there is no %s; /help lists what there is", name)
	}
	if err != nil {
		return t.view.problem(err)
	}
	return nil
}

func (t *talk) leave(ctx context.Context) error {
	if t.at.RoomID == "" {
		return errors.New("/leave is for rooms")
	}
	err := t.client.LeaveRoom(ctx, t.at.RoomID)
	t.ended = err == nil
	return err
}

// maxShown is how many members are listed.
const maxShown = 100

func (t *talk) who(ctx context.Context) error {
	if t.at.UserID != "" {
		found, err := t.client.Presence(ctx, t.at.UserID)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			t.view.note(t.at.UserID + " is no friend: there is no knowing")
		case found[0].Online:
			t.view.note(t.at.UserID + " is online")
		case found[0].LastSeen != nil:
			t.view.note(t.at.UserID + " was here last " + found[0].LastSeen.Local().Format("2 Jan 15:04"))
		default:
			t.view.note(t.at.UserID + " is offline")
		}
		return nil
	}
	page, err := t.client.Members(ctx, client.MemberQuery{RoomID: t.at.RoomID, Limit: maxShown})
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, m := range page.Members {
		_, _ = fmt.Fprintf(&text, "%s", display(m.Username, m.UserID))
		if m.Role == "admin" {
			text.WriteString(", admin")
		}
		text.WriteByte('\n')
	}
	if page.Next != "" {
		text.WriteString("and more\n")
	}
	t.view.note(strings.TrimSuffix(text.String(), "\n"))
	return nil
}

func (t *talk) history(ctx context.Context, count string) error {
	limit := 20
	if count != "" {
		var err error
		if limit, err = strconv.Atoi(count); err != nil || limit < 1 || limit > 100 {
			return errors.New("/history takes a number from 1 to 100")
		}
	}
	page, err := t.client.History(ctx, client.Where{RoomID: t.at.RoomID, UserID: t.at.UserID}, client.Span{Limit: limit})
	if err != nil {
		return err
	}
	for i := range page.Messages {
		t.view.message(&page.Messages[i])
	}
	return nil
}
