package broadcast

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// How its jobs are done.
const (
	// retries are how often one goes on where the server was at fault: for most of a day.
	retries = 20
	// runFor is for how long a job goes on until another one does, so that others have their turn.
	runFor     = 20 * time.Second
	jobTimeout = 2 * time.Minute
	maxPayload = 1 << 10
	// sendingAtOnce is how many messages of a portion are sent at a time: they share commits.
	sendingAtOnce = 16
)

// Kinds are those of the jobs.
func (s *Service) Kinds() []job.Kind {
	kinds := make([]job.Kind, 0, 2)
	for _, kind := range []Kind{Notification, Broadcasting} {
		kinds = append(kinds, job.Kind{Name: string(kind), Handle: s.handle, Retries: retries, Timeout: jobTimeout, MaxPayload: maxPayload, Open: true})
	}
	return kinds
}

// payload is that of a job: which broadcast is to go on. How far it has come says the store.
type payload struct {
	ID string `json:"id"`
}

// job has a broadcast begin, or go on. One is done at a time.
func (b *Broadcast) job(id string, due, now time.Time) job.Job {
	text, _ := json.Marshal(payload{b.ID}) // there is nothing in it that could fail
	return job.Job{
		ID: id, Kind: string(b.Kind), Priority: b.Priority, Key: string(b.Kind) + " " + b.ID, Payload: text, State: job.Waiting, RunAt: due,
		CreatedAt: now,
	}
}

// handle is the [job.Handler]: portions, each of which is stored as done before the next begins.
func (s *Service) handle(ctx context.Context, j *job.Job) (job.Result, error) {
	var of payload
	if err := json.Unmarshal(j.Payload, &of); err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	b, err := s.Store.Broadcast(ctx, of.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return job.Result{}, nil
	case err != nil:
		return job.Result{}, err
	}
	for until := s.Now().Add(runFor); !b.State.Ended(); {
		if s.Now().After(until) {
			now := s.timestamp()
			return job.Result{Then: []job.Job{b.job(s.NewID(), now, now)}}, nil
		}
		next, then, err := s.portion(ctx, &b)
		if err != nil {
			if ctx.Err() != nil || j.Attempts < retries {
				return job.Result{}, err // it goes on from the same place
			}
			next, then = b.Progress, nil
			next.State, next.EndedAt, next.Error = Failed, s.timestamp(), "the server was at fault too often"
			s.Log.Error("a broadcast has failed", "broadcast", b.ID, "err", err)
		}
		next.Step = b.Step + 1
		is, err := s.Store.AdvanceBroadcast(ctx, b.ID, b.Step, next, then)
		if err != nil || !is { // it is cancelled, or another server goes on with it
			return job.Result{}, err
		}
		b.Progress = next
	}
	return job.Result{}, nil
}

// portion brings a broadcast to its next recipients, and returns how far it has come by that, and what is to follow. An error is a
// fault: nothing of the portion counts.
func (s *Service) portion(ctx context.Context, b *Broadcast) (Progress, []job.Job, error) {
	r := &round{Service: s, b: b, to: b.Progress}
	r.to.Failures = append([]Failure(nil), b.Failures...)
	if r.to.State = Running; r.to.StartedAt.IsZero() {
		r.to.StartedAt = s.timestamp()
	}
	r.skip()
	if r.to.Place.List != End {
		say := r.notify
		if b.Spec.Message != nil {
			say = r.send
		}
		if err := say(ctx); err != nil {
			return b.Progress, nil, err
		}
	}
	if r.skip(); r.to.Place.List == End {
		if r.to.EndedAt = s.timestamp(); r.to.State == Running {
			r.to.State = Done
		}
	}
	return r.to, r.then, nil
}

// round is a portion that is under way.
type round struct {
	*Service
	b    *Broadcast
	to   Progress
	then []job.Job
}

// skip goes over lists that have nothing, or nothing more.
func (r *round) skip() {
	for p := &r.to.Place; p.List < End && p.N >= r.b.Spec.count(p.List); {
		*p = Place{List: p.List + 1}
	}
}

// notify is the portion of a notification.
func (r *round) notify(ctx context.Context) error {
	var topics []string
	var users []account.UserID
	var err error
	switch spec, p := &r.b.Spec, &r.to.Place; p.List {
	case Topics:
		topics = spec.Topics
		p.N = len(topics)
	case Users:
		users, err = r.known(ctx, spec.Users[p.N:min(p.N+Portion, len(spec.Users))])
		p.N += Portion
	case Rooms:
		users, err = r.members(ctx)
	case All:
		users, err = r.page(ctx)
	case End:
	}
	if err != nil || len(topics)+len(users) == 0 {
		return err
	}
	body := make(map[string]any, len(r.b.Spec.Notification)+2)
	for name, value := range r.b.Spec.Notification {
		body[name] = value
	}
	// A portion may come twice, where a server dies behind it: a client knows it by the id.
	body["notificationId"], body["timestamp"] = r.b.ID, wire.Time(r.to.StartedAt)
	r.Notifier.Notify(topics, users, body)
	r.to.Reached += int64(len(topics) + len(users))
	r.then, err = r.Pusher.Notification(ctx, r.b.ID, r.b.Spec.Notification, users, r.b.Priority)
	return err
}

// members are those who are in the rooms and come next, but for those who were named themselves. There may be none. Of rooms that are
// not there it is noted.
func (r *round) members(ctx context.Context) ([]account.UserID, error) {
	spec, p := &r.b.Spec, &r.to.Place
	if p.After == "" {
		there, err := r.Chat.RoomsAmong(ctx, spec.Rooms)
		if err != nil {
			return nil, err
		}
		for _, room := range spec.Rooms {
			if !slices.Contains(there, room) {
				r.miss(Failure{Room: room}, chat.ErrRoomNotFound)
			}
		}
	}
	users, err := r.Chat.MembersOf(ctx, spec.Rooms, p.After, Portion)
	if err != nil {
		return nil, err
	}
	if len(users) > 0 {
		p.After = users[len(users)-1]
	}
	if len(users) < Portion {
		p.N = len(spec.Rooms) // that were all
	}
	return slices.DeleteFunc(users, func(id account.UserID) bool { return slices.Contains(spec.Users, id) }), nil
}

// page is the users of All who come next. There may be none.
func (r *round) page(ctx context.Context) ([]account.UserID, error) {
	p := &r.to.Place
	found, err := r.Accounts.Users(ctx, p.After, Portion)
	if err != nil {
		return nil, err
	}
	users := make([]account.UserID, len(found))
	for i := range found {
		users[i] = found[i].ID
		p.After = found[i].ID
	}
	if len(found) < Portion {
		p.N = 1 // that were all
	}
	return users, nil
}

// known are those of some users who are; of the others it is noted that they are not.
func (r *round) known(ctx context.Context, ids []account.UserID) ([]account.UserID, error) {
	there, err := r.Chat.Names(ctx, ids)
	if err != nil {
		return nil, err
	}
	users := make([]account.UserID, 0, len(ids))
	for _, id := range ids {
		if _, is := there[id]; is {
			users = append(users, id)
		} else {
			r.miss(Failure{User: id}, account.ErrUserNotFound)
		}
	}
	return users, nil
}

// miss notes that a recipient could not be reached.
func (r *round) miss(f Failure, why *refusal.Error) {
	r.to.Missed++
	if len(r.to.Failures) < MaxFailures {
		f.Code, f.Message = why.Code, why.Message
		r.to.Failures = append(r.to.Failures, f)
	}
}

// recipient is a room or a user.
type recipient struct {
	room string
	user account.UserID
}

// send is the portion of a message.
func (r *round) send(ctx context.Context) error {
	sender, is, err := r.sender(ctx)
	if err != nil || !is {
		return err
	}
	var to []recipient
	var users []account.UserID
	switch spec, p := &r.b.Spec, &r.to.Place; p.List {
	case Rooms:
		for _, room := range spec.Rooms[p.N:min(p.N+Portion, len(spec.Rooms))] {
			to = append(to, recipient{room: room})
		}
		p.N += Portion
	case Users:
		users, err = r.known(ctx, spec.Users[p.N:min(p.N+Portion, len(spec.Users))])
		p.N += Portion
	case All:
		users, err = r.page(ctx)
	case Topics, End: // which messages do not have
	}
	if err != nil {
		return err
	}
	for _, user := range users {
		if user != sender.ID || !r.b.Spec.All {
			to = append(to, recipient{user: user})
		}
	}
	return r.sendTo(ctx, sender, to)
}

// sender is who says it: the system where the broadcast names nobody. Without the sender the broadcast ends.
func (r *round) sender(ctx context.Context) (sender chat.Actor, is bool, err error) {
	id := r.b.Spec.Message.SenderID
	if id == "" {
		return chat.Actor{}, true, nil
	}
	user, err := r.Accounts.User(ctx, id)
	switch {
	case errors.Is(err, account.ErrUserNotFound):
		r.to.State, r.to.Error, r.to.Place = Failed, fmt.Sprintf("there is no user %q who could say it", id), Place{List: End}
		return chat.Actor{}, false, nil
	case err != nil:
		return chat.Actor{}, false, err
	}
	return chat.Actor{ID: user.ID, Name: user.Name}, true, nil
}

// sendTo sends the message to each of some recipients.
func (r *round) sendTo(ctx context.Context, sender chat.Actor, to []recipient) error {
	outcomes := make([]error, len(to))
	places := make(chan struct{}, sendingAtOnce)
	var all sync.WaitGroup
	for i := range to {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			outcomes[i] = r.sendOne(ctx, sender, to[i])
		})
	}
	all.Wait()
	for i, err := range outcomes {
		switch why := refusal.Of(err); {
		case err == nil:
			r.to.Reached++
		case why == nil || why.Code == refusal.Unavailable || why.Code == refusal.Internal:
			return err
		default:
			r.miss(Failure{User: to[i].user, Room: to[i].room}, why)
		}
	}
	return nil
}

// sendOne sends the message under an id of the recipient's: who has it does not get it again.
func (r *round) sendOne(ctx context.Context, sender chat.Actor, to recipient) (err error) {
	m, id := r.b.Spec.Message, ClientMsgID(r.b.ID, to.room, to.user)
	switch {
	case to.user != "":
		_, err = r.Chat.SendDirect(ctx, sender, chat.SendDirect{RecipientID: to.user, Content: m.Content, Type: m.Type, ClientMsgID: id})
	case sender.ID == "":
		_, err = r.Chat.PostSystem(ctx, chat.PostSystem{RoomID: to.room, Content: m.Content, ClientMsgID: id})
	default:
		_, err = r.Chat.SendToRoom(ctx, sender, chat.SendToRoom{RoomID: to.room, Content: m.Content, Type: m.Type, ClientMsgID: id})
	}
	return err
}

// ClientMsgID is the id under which a recipient, a room or a user, gets the message of a broadcast.
func ClientMsgID(broadcast, room string, user account.UserID) string {
	digest := sha256.Sum256([]byte(room + "\x00" + string(user)))
	return "broadcast:" + broadcast + ":" + base64.RawURLEncoding.EncodeToString(digest[:12])
}
