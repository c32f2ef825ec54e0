package rows

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
)

// PastNotification reads a notification that a user had: user, id, time, conversation, seq, results, when it was read, fields of the
// application's; and of a message room, its name, sender, name of that, content.
func PastNotification(row Row) (p push.Past, err error) {
	var at, readAt int64
	var results, fields string
	if err := row.Scan((*string)(&p.UserID), &p.ID, &at, &p.Conversation, &p.Seq, &results, &readAt, &fields,
		&p.Said.RoomID, &p.Said.RoomName, &p.Said.SenderID, &p.Said.SenderName, &p.Said.Content); err != nil {
		return p, err
	}
	p.At, p.ReadAt = Instant(at), InstantOrZero(readAt)
	if p.Results, err = push.DecodeResults(results); err != nil {
		return p, err
	}
	if fields != "" {
		err = json.Unmarshal([]byte(fields), &p.Fields)
	}
	return p, err
}

// NotificationContent reads what the application has told: id, fields, time.
func NotificationContent(row Row) (c push.Content, err error) {
	var fields string
	var at int64
	if err := row.Scan(&c.ID, &fields, &at); err != nil {
		return c, err
	}
	c.At = Instant(at)
	return c, json.Unmarshal([]byte(fields), &c.Fields)
}

// ToldRow is how a statement is told of a notification, in JSON.
type ToldRow struct {
	UserID       string `json:"user_id"`
	ID           string `json:"id"`
	At           int64  `json:"at"`
	Conversation string `json:"conversation_id"`
	Seq          int64  `json:"seq"`
	Results      string `json:"results"`
}

// ToldRows are notifications as a list of [ToldRow] in JSON, and whose they are.
func ToldRows(told []push.Told) (list string, users []string, err error) {
	all := make([]ToldRow, len(told))
	for i := range told {
		t := &told[i]
		results, err := push.EncodeResults(t.Results)
		if err != nil {
			return "", nil, fmt.Errorf("encode results: %w", err)
		}
		all[i] = ToldRow{string(t.UserID), t.ID, t.At.UnixMilli(), t.Conversation, t.Seq, results}
		users = append(users, string(t.UserID))
	}
	text, err := json.Marshal(all)
	return string(text), users, err
}

// WhoHasRead reads users, with whether each has read what is noted, and returns those who have.
func WhoHasRead(each Each, query string, args ...any) (read []account.UserID, err error) {
	err = each(func(row Row) error {
		var user string
		var has bool
		if err := row.Scan(&user, &has); err != nil {
			return err
		}
		if has {
			read = append(read, account.UserID(user))
		}
		return nil
	}, query, args...)
	return read, err
}

// ReadNotifications reads notifications that were unread until now: id, results, conversation, seq. It returns how many these were, and what
// devices take back of them, as they were told.
func ReadNotifications(each Each, query string, args ...any) (n int, backs []push.Back, err error) {
	var own push.Back
	err = each(func(row Row) error {
		var id, results string
		var of push.Back
		if err := row.Scan(&id, &results, &of.Conversation, &of.Seq); err != nil {
			return err
		}
		n++
		switch at := slices.IndexFunc(backs, func(b push.Back) bool { return b.Conversation == of.Conversation }); {
		case !strings.Contains(results, `"success":true`):
		case of.Conversation == "":
			own.IDs = append(own.IDs, id)
		case at >= 0:
			backs[at].Seq = max(backs[at].Seq, of.Seq)
		default:
			backs = append(backs, of)
		}
		return nil
	}, query, args...)
	if len(own.IDs) > 0 {
		backs = append(backs, own)
	}
	return n, backs, err
}

// TakeBack are the jobs by which devices of a user take something back.
func TakeBack(backs []push.Back, user account.UserID, at time.Time) ([]job.Job, error) {
	jobs := make([]job.Job, len(backs))
	for i := range backs {
		j, err := backs[i].Job(user, at)
		if err != nil {
			return nil, err
		}
		jobs[i] = j
	}
	return jobs, nil
}
