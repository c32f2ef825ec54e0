package push

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// What is kept of the notifications that users had.
const (
	MaxHistory = 100                 // of a user
	KeptFor    = 90 * 24 * time.Hour // at most
	pruned     = 1000                // at a time
)

// Result is what came of telling a device.
type Result struct {
	Device  string `json:"device"`
	Type    Type   `json:"type"`
	Success bool   `json:"success"`
	Error   string `json:"error,omitempty"`
}

// Told is a notification that a user had: of a message, whose id it has, or of the application.
type Told struct {
	UserID account.UserID
	ID     string
	At     time.Time
	// Conversation and Seq are of the message; of what the application has told there are none.
	Conversation string
	Seq          int64
	Results      []Result
	ReadAt       time.Time // zero: it is unread
}

// Content is what the application has told, which is stored once.
type Content struct {
	ID     string
	Fields Fields
	At     time.Time
}

// Past is a notification with what it says: Fields of the application's, or what a message says by now.
type Past struct {
	Told
	Fields Fields
	Said   Said
}

// Said is what is shown of a message.
type Said struct{ RoomID, RoomName, SenderID, SenderName, Content string }

// History keeps what users were told. All methods may be called concurrently, and each is one transaction.
type History interface {
	// NoteTold stores that users were told something, and its content if that is given; of what is stored already it adds the results.
	// Of each user the last [MaxHistory] stay. It returns those who have read it by then, as far as their marks say.
	NoteTold(ctx context.Context, told []Told, content *Content) (read []account.UserID, err error)
	// Notifications returns those that a user had, the newest first: not those of messages that are deleted, or of conversations that
	// the user has left.
	Notifications(ctx context.Context, user account.UserID, limit int) ([]Past, error)
	// ReadNotifications notes that a user has read some, or all if there are no ids, and returns how many were unread. What devices
	// were told of these is taken back: see [Back.Job].
	ReadNotifications(ctx context.Context, user account.UserID, ids []string, at time.Time) (int, error)
	// NotificationContents returns what the application has told, by its ids; what is kept no longer is missing.
	NotificationContents(ctx context.Context, ids []string) ([]Content, error)
	// PruneNotifications removes up to limit of those of before some time, and as many contents, and returns how many of either it
	// were, whichever are more: of each user the last notifications alone are there, but all contents.
	PruneNotifications(ctx context.Context, before time.Time, limit int) (int, error)
}

// Notifications returns those that a user had, the newest first; a limit of 0 is [MaxHistory].
func (s *Service) Notifications(ctx context.Context, user account.UserID, limit int) ([]Past, error) {
	switch {
	case limit < 0:
		return nil, refusal.Invalid("limit", "must be at least 1")
	case limit > MaxHistory:
		return nil, refusal.Beyond("limit", MaxHistory, fmt.Sprintf("must be at most %d", MaxHistory))
	case limit == 0:
		limit = MaxHistory
	}
	past, err := s.Store.Notifications(ctx, user, limit)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	for i := range past {
		p := &past[i]
		p.Results = lastOfEach(p.Results)
		if p.Conversation == "" {
			continue
		}
		if p.Fields, err = p.shown(); err != nil {
			return nil, err
		}
	}
	return past, nil
}

// shown are the fields of a message.
func (p *Past) shown() (Fields, error) {
	return saidFields(&p.Said, &saidAt{p.Conversation, p.ID, p.Seq}, nil)
}

// lastOfEach is what came last of telling each device.
func lastOfEach(results []Result) (last []Result) {
	for i := len(results) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(last, func(r Result) bool { return r.Device == results[i].Device }) {
			last = append(last, results[i])
		}
	}
	slices.Reverse(last)
	return last
}

// ReadNotifications has a user have read some notifications, or all without ids, and returns how many were unread. Devices that show
// them take them back.
func (s *Service) ReadNotifications(ctx context.Context, user account.UserID, ids []string) (int, error) {
	if len(ids) > MaxHistory {
		return 0, refusal.TooMuch("ids", MaxHistory, "ids")
	}
	n, err := s.Store.ReadNotifications(ctx, user, ids, s.timestamp())
	if err != nil {
		return 0, fmt.Errorf("note what is read: %w", err)
	}
	return n, nil
}

// Prune removes notifications that are kept no longer, and returns how many.
func (s *Service) Prune(ctx context.Context) (removed int, err error) {
	for {
		n, err := s.Store.PruneNotifications(ctx, s.timestamp().Add(-KeptFor), pruned)
		if removed += n; err != nil || n < pruned {
			return removed, err
		}
	}
}

// Back is what devices of a user take back since it was read: what they were told of a conversation up to a seq, or some notifications of
// the application.
type Back struct {
	Conversation string   `json:"conversation,omitempty"`
	Seq          int64    `json:"seq,omitempty"`
	IDs          []string `json:"ids,omitempty"`
	// Users and Devices are who does so. They are here and not in the task, so that a server of before, which does not know this,
	// finds nobody to tell of nothing.
	Users   []account.UserID `json:"users,omitempty"`
	Devices []string         `json:"devices,omitempty"`
}

// Job has the devices of a user take something back. A driver stores it in the transaction in which that is read, once for each time.
func (b *Back) Job(user account.UserID, at time.Time) (job.Job, error) {
	back := *b
	back.Users = []account.UserID{user}
	t := task{Back: &back, At: at, Until: at.Add(messageTTL)}
	digest := sha256.New()
	for _, part := range append([]string{string(user), strconv.FormatInt(at.UnixMilli(), 10), b.Conversation, strconv.FormatInt(b.Seq, 10)}, b.IDs...) {
		_, _ = fmt.Fprintf(digest, "%d %s", len(part), part)
	}
	t.ID = "pb_" + base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:18])
	return t.job(t.ID, job.Normal, at, at)
}

// backTargets are the devices of users that take something back, and what they are told.
func (s *Service) backTargets(ctx context.Context, t *task) (targets []target, err error) {
	var devices []Subscription
	if len(t.Back.Devices) > 0 {
		devices, err = s.Store.PushSubscriptionsByID(ctx, t.Back.Devices)
		devices = slices.DeleteFunc(devices, func(d Subscription) bool { return d.CreatedAt.After(t.Tried) })
	} else {
		devices, err = s.Store.PushSubscriptions(ctx, t.Back.Users)
	}
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	closing, err := s.closing(ctx, t)
	if err != nil {
		return nil, err
	}
	for i := range devices {
		for id, fields := range closing {
			targets = append(targets, target{Subscription: devices[i], fields: fields, id: id})
		}
	}
	return targets, nil
}

// closing are what devices are told so that they take something back, by the ids of what that is.
func (s *Service) closing(ctx context.Context, t *task) (map[string]Fields, error) {
	all := make(map[string]Fields)
	say := func(id, tag string, data map[string]any) (err error) {
		data["type"] = "read"
		all[id], err = fieldsOf(map[string]any{"type": "close", "tag": tag, "data": data})
		return err
	}
	if t.Back.Conversation != "" {
		return all, say(t.ID, t.Back.Conversation, map[string]any{"conversationId": t.Back.Conversation, "seq": t.Back.Seq})
	}
	contents, err := s.Store.NotificationContents(ctx, t.Back.IDs)
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	for _, c := range contents {
		tag := c.Fields.text("tag")
		if tag == "" {
			tag = c.ID // by which a browser knows one that has none
		}
		if err := say(c.ID, tag, map[string]any{"notificationId": c.ID}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// noteAhead notes who is told of a message before it is told, so that whoever has seen it and reads it is found, and returns the devices
// of those who have not read it by then. What the application tells is noted already.
func (s *Service) noteAhead(ctx context.Context, t *task, targets []target) ([]target, error) {
	var told []Told
	for i := range targets {
		to := &targets[i]
		if to.conversation != "" && !slices.ContainsFunc(told, func(t Told) bool { return t.UserID == to.UserID }) {
			told = append(told, Told{UserID: to.UserID, ID: t.ID, At: t.At, Conversation: to.conversation, Seq: to.seq})
		}
	}
	if len(told) == 0 {
		return targets, nil
	}
	read, err := s.Store.NoteTold(ctx, told, nil)
	if err != nil {
		return nil, fmt.Errorf("note who is told: %w", err)
	}
	return slices.DeleteFunc(targets, func(to target) bool { return slices.Contains(read, to.UserID) }), nil
}

// note stores who was told and what came of that, and returns the tasks of those who have read it meanwhile. That it was told is more
// than that it is noted: a fault is logged.
func (s *Service) note(ctx context.Context, t *task, targets []target, attempts []attempt) (followers []*task) {
	if t.Back != nil {
		return nil
	}
	var told []Told
	at := make(map[account.UserID]int)
	for i := range targets {
		to, result := &targets[i], Result{Device: targets[i].ID, Type: targets[i].Type}
		switch a := &attempts[i]; a.outcome {
		case Later: // another job goes on with it
			continue
		case Sent:
			result.Success = true
		case Gone, Refused, Expired:
			if result.Error = a.why; result.Error == "" {
				result.Error = string(a.outcome)
			}
		}
		n, known := at[to.UserID]
		if !known {
			n = len(told)
			at[to.UserID] = n
			told = append(told, Told{UserID: to.UserID, ID: t.ID, At: t.At, Conversation: to.conversation, Seq: to.seq})
		}
		told[n].Results = append(told[n].Results, result)
	}
	if len(told) == 0 {
		return nil
	}
	read, err := s.Store.NoteTold(ctx, told, nil)
	if err != nil {
		s.Log.Warn("it is not noted who was told", "notification", t.ID, "err", err)
		return nil
	}
	read = slices.DeleteFunc(read, func(id account.UserID) bool {
		return !slices.ContainsFunc(told[at[id]].Results, func(r Result) bool { return r.Success })
	})
	if len(read) == 0 {
		return nil
	}
	back := &Back{IDs: []string{t.ID}}
	if first := &told[0]; first.Conversation != "" {
		back = &Back{Conversation: first.Conversation, Seq: first.Seq}
	}
	now := s.timestamp()
	back.Users = read
	return []*task{{ID: "pb_" + s.NewID(), Back: back, At: now, Until: now.Add(messageTTL)}}
}

// saidAt is where a message is.
type saidAt struct {
	conversation, id string
	seq              int64
}

// saidFields are what is told of a message: who says it, or where, and the beginning of it. more are further fields.
func saidFields(said *Said, at *saidAt, more map[string]any) (Fields, error) {
	title, body := said.SenderName, said.Content
	if said.RoomID != "" {
		title, body = said.RoomName, said.SenderName+": "+said.Content
	}
	fields := map[string]any{
		"title": title, "body": Cut(body, MaxBody), "tag": at.conversation,
		"data": map[string]any{
			"type": "message", "conversationId": at.conversation, "roomId": said.RoomID, "messageId": at.id, "senderId": said.SenderID, "seq": at.seq,
		},
	}
	for name, value := range more {
		fields[name] = value
	}
	return fieldsOf(fields)
}

// EncodeResults and DecodeResults are how results are stored: as a list to which others can be added, of some length.
func EncodeResults(results []Result) (string, error) {
	if results == nil {
		results = []Result{}
	}
	text, err := json.Marshal(results)
	return string(text), err
}

// DecodeResults is the opposite.
func DecodeResults(text string) (results []Result, err error) {
	if err = json.Unmarshal([]byte(text), &results); err != nil {
		return nil, fmt.Errorf("push: results of a notification: %w", err)
	}
	return results, nil
}
