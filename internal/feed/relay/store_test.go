package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed"
	brokerpostgres "github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/scheduletest"
	"github.com/sockeye-im/sockeye/internal/store/storetest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// TestStoreOnNodes is the suite of stores with each command on another one of three nodes. What was published is what the
// first of them has told.
func TestStoreOnNodes(t *testing.T) {
	storetest.Run(t, func(t *testing.T) suite.Driver { return &nodesOn{database: pgtest.Database(t)} })
}

// TestLaterOnNodes is the same of messages that are sent later.
func TestLaterOnNodes(t *testing.T) {
	scheduletest.Run(t, func(t *testing.T) scheduletest.Driver { return laterOn{&nodesOn{database: pgtest.Database(t)}} })
}

// laterOn is nodesOn with the jobs of the first node.
type laterOn struct{ *nodesOn }

func (d laterOn) Open(t testing.TB, chats chat.Sink) (chat.Store, job.Store) {
	s, _ := d.nodesOn.Open(t, chats, func([]account.Event) {})
	nodes := s.(*spread)
	return s, settledJobs{nodes.nodes[0].store.Jobs(), nodes}
}

// settledJobs are jobs by which messages are cancelled: what does that returns when the first node has told it.
type settledJobs struct {
	job.Store
	on *spread
}

func (j settledJobs) Cancel(ctx context.Context, id string, at time.Time) (job.State, error) {
	defer j.on.settle()
	return j.Store.Cancel(ctx, id, at)
}

func (j settledJobs) Drop(ctx context.Context, id string, at time.Time) error {
	defer j.on.settle()
	return j.Store.Drop(ctx, id, at)
}

// nodesOn opens a database by three nodes.
type nodesOn struct {
	database string
	opened   int                    // nodes, for their names
	telling  atomic.Pointer[spread] // what was opened last: nodes of before still hear what is committed, and tell it to nobody
}

func (d *nodesOn) Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store) {
	s := &spread{t: t}
	d.telling.Store(s)
	begin := &beginning{t: t}
	for range nodesOfOne {
		d.opened++
		n := newReal(t, fmt.Sprint("node ", d.opened), d.database, func(channel string) (*cluster.Line, error) {
			return brokerpostgres.New(brokerpostgres.Config{URL: d.database, Channel: channel, Log: slog.New(slog.DiscardHandler)})
		})
		n.begin = begin
		begin.nodes = append(begin.nodes, n)
		t.Cleanup(n.Stop)
	}
	s.nodes = begin.nodes
	s.nodes[0].Follow(func(f *feed.Facts) {
		if d.telling.Load() != s {
			return
		}
		if len(f.Chat) > 0 {
			chats(f.Chat)
		}
		if len(f.Accounts) > 0 {
			accounts(f.Accounts)
		}
	})
	begin.now()
	return s, s.nodes[0].store.Accounts(nil)
}

// spread is a store whose calls are carried out by the nodes in turn. Each returns when the first node has told what was
// committed.
type spread struct {
	t     testing.TB
	nodes []*real
	calls atomic.Int64
}

func (s *spread) next() chat.Store {
	return s.nodes[s.calls.Add(1)%int64(len(s.nodes))].store
}

func (s *spread) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.nodes[0].CatchUp(ctx); err != nil {
		s.t.Errorf("the first node has not heard of all: %v", err)
	}
}

// StartAppend is carried out by one node: messages that are started one after the other stay in their order.
func (s *spread) StartAppend(ctx context.Context, cmd chat.Append, done func(chat.Message, error)) {
	s.nodes[0].store.StartAppend(ctx, cmd, func(m chat.Message, err error) {
		s.settle()
		done(m, err)
	})
}

func (s *spread) Blocked(ctx context.Context, a, b chat.UserID) (bool, error) {
	defer s.settle()
	return s.next().Blocked(ctx, a, b)
}

func (s *spread) AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error) {
	defer s.settle()
	return s.next().AppendMessage(ctx, cmd)
}

func (s *spread) Sent(ctx context.Context, sender chat.UserID, clientMsgID string) (chat.Sent, bool, error) {
	defer s.settle()
	return s.next().Sent(ctx, sender, clientMsgID)
}

func (s *spread) Messages(ctx context.Context, q chat.MessageQuery) (chat.Page, error) {
	defer s.settle()
	return s.next().Messages(ctx, q)
}

func (s *spread) Unread(ctx context.Context, q chat.UnreadQuery) (chat.Unread, error) {
	defer s.settle()
	return s.next().Unread(ctx, q)
}

func (s *spread) Message(ctx context.Context, id string, user chat.UserID) (chat.Message, chat.Standing, error) {
	defer s.settle()
	return s.next().Message(ctx, id, user)
}

func (s *spread) Thread(ctx context.Context, user chat.UserID, q chat.ThreadQuery) (chat.Thread, error) {
	defer s.settle()
	return s.next().Thread(ctx, user, q)
}

func (s *spread) Pinned(ctx context.Context, conversationID string, limit int) ([]chat.Message, error) {
	defer s.settle()
	return s.next().Pinned(ctx, conversationID, limit)
}

func (s *spread) EditMessage(ctx context.Context, cmd chat.Edit) (chat.Message, error) {
	defer s.settle()
	return s.next().EditMessage(ctx, cmd)
}

func (s *spread) DeleteMessage(ctx context.Context, cmd chat.Delete) (chat.Message, error) {
	defer s.settle()
	return s.next().DeleteMessage(ctx, cmd)
}

func (s *spread) PinMessage(ctx context.Context, cmd chat.Pin) (chat.Message, error) {
	defer s.settle()
	return s.next().PinMessage(ctx, cmd)
}

func (s *spread) React(ctx context.Context, cmd chat.React) error {
	defer s.settle()
	return s.next().React(ctx, cmd)
}

func (s *spread) ScheduleMessage(ctx context.Context, cmd chat.Schedule) (chat.Scheduled, error) {
	defer s.settle()
	return s.next().ScheduleMessage(ctx, cmd)
}

func (s *spread) RescheduleMessage(ctx context.Context, cmd chat.Reschedule) (chat.Scheduled, error) {
	defer s.settle()
	return s.next().RescheduleMessage(ctx, cmd)
}

func (s *spread) UnscheduleMessage(ctx context.Context, cmd chat.Unschedule) error {
	defer s.settle()
	return s.next().UnscheduleMessage(ctx, cmd)
}

func (s *spread) ScheduledMessage(ctx context.Context, id string) (chat.Scheduled, error) {
	defer s.settle()
	return s.next().ScheduledMessage(ctx, id)
}

func (s *spread) ScheduledMessages(ctx context.Context, author chat.UserID) ([]chat.Scheduled, error) {
	defer s.settle()
	return s.next().ScheduledMessages(ctx, author)
}

func (s *spread) SendScheduled(ctx context.Context, cmd chat.SendScheduled) (chat.Message, error) {
	defer s.settle()
	return s.next().SendScheduled(ctx, cmd)
}

func (s *spread) FailScheduled(ctx context.Context, cmd chat.FailScheduled) error {
	defer s.settle()
	return s.next().FailScheduled(ctx, cmd)
}

func (s *spread) CreateRoom(ctx context.Context, cmd chat.NewRoom) error {
	defer s.settle()
	return s.next().CreateRoom(ctx, cmd)
}

func (s *spread) Join(ctx context.Context, cmd chat.Join) (bool, error) {
	defer s.settle()
	return s.next().Join(ctx, cmd)
}

func (s *spread) Leave(ctx context.Context, cmd chat.Leave) (bool, error) {
	defer s.settle()
	return s.next().Leave(ctx, cmd)
}

func (s *spread) UpdateRoom(ctx context.Context, cmd chat.UpdateRoom) error {
	defer s.settle()
	return s.next().UpdateRoom(ctx, cmd)
}

func (s *spread) DeleteRoom(ctx context.Context, cmd chat.DeleteRoom) error {
	defer s.settle()
	return s.next().DeleteRoom(ctx, cmd)
}

func (s *spread) Room(ctx context.Context, id string) (chat.Room, error) {
	defer s.settle()
	return s.next().Room(ctx, id)
}

func (s *spread) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	defer s.settle()
	return s.next().Memberships(ctx, user)
}

func (s *spread) MembershipsAmong(ctx context.Context, user chat.UserID, rooms []string) ([]chat.Stay, error) {
	defer s.settle()
	return s.next().MembershipsAmong(ctx, user, rooms)
}

func (s *spread) MembersBy(ctx context.Context, room chat.ConversationRef, seq int64) (members []chat.UserID, head int64, err error) {
	defer s.settle()
	return s.next().MembersBy(ctx, room, seq)
}

func (s *spread) Rooms(ctx context.Context, user chat.UserID, q chat.RoomQuery) (chat.RoomPage, error) {
	defer s.settle()
	return s.next().Rooms(ctx, user, q)
}

func (s *spread) AllRooms(ctx context.Context, q chat.AllRoomsQuery) (chat.RoomPage, error) {
	defer s.settle()
	return s.next().AllRooms(ctx, q)
}

func (s *spread) Members(ctx context.Context, user chat.UserID, q chat.MemberQuery) (chat.MemberPage, error) {
	defer s.settle()
	return s.next().Members(ctx, user, q)
}

func (s *spread) Bans(ctx context.Context, user chat.UserID, q chat.BanQuery) (chat.BanPage, error) {
	defer s.settle()
	return s.next().Bans(ctx, user, q)
}

func (s *spread) SearchRooms(ctx context.Context, folded string, limit int) ([]chat.Room, error) {
	defer s.settle()
	return s.next().SearchRooms(ctx, folded, limit)
}

func (s *spread) RoomsAmong(ctx context.Context, ids []string) ([]string, error) {
	defer s.settle()
	return s.next().RoomsAmong(ctx, ids)
}

func (s *spread) MembersOf(ctx context.Context, rooms []string, after chat.UserID, limit int) ([]chat.UserID, error) {
	defer s.settle()
	return s.next().MembersOf(ctx, rooms, after, limit)
}

func (s *spread) Names(ctx context.Context, ids []chat.UserID) (chat.Names, error) {
	defer s.settle()
	return s.next().Names(ctx, ids)
}

func (s *spread) Invite(ctx context.Context, cmd chat.Moderate) error {
	defer s.settle()
	return s.next().Invite(ctx, cmd)
}

func (s *spread) Kick(ctx context.Context, cmd chat.Moderate) error {
	defer s.settle()
	return s.next().Kick(ctx, cmd)
}

func (s *spread) Ban(ctx context.Context, cmd chat.Moderate) error {
	defer s.settle()
	return s.next().Ban(ctx, cmd)
}

func (s *spread) Unban(ctx context.Context, cmd chat.Moderate) error {
	defer s.settle()
	return s.next().Unban(ctx, cmd)
}

func (s *spread) SetRole(ctx context.Context, cmd chat.SetRole) error {
	defer s.settle()
	return s.next().SetRole(ctx, cmd)
}

func (s *spread) AddMembers(ctx context.Context, cmd chat.AddMembers) ([]chat.UserID, error) {
	defer s.settle()
	return s.next().AddMembers(ctx, cmd)
}

func (s *spread) MarkRead(ctx context.Context, cmd chat.MarkRead) ([]chat.Receipt, error) {
	defer s.settle()
	return s.next().MarkRead(ctx, cmd)
}

func (s *spread) Access(ctx context.Context, ref chat.ConversationRef, user chat.UserID) (chat.Access, bool, error) {
	defer s.settle()
	return s.next().Access(ctx, ref, user)
}

func (s *spread) MarkConversation(ctx context.Context, cmd chat.MarkConversation) error {
	defer s.settle()
	return s.next().MarkConversation(ctx, cmd)
}

func (s *spread) Conversations(ctx context.Context, q chat.ConversationQuery) ([]chat.Summary, error) {
	defer s.settle()
	return s.next().Conversations(ctx, q)
}

func (s *spread) Sync(ctx context.Context, q chat.SyncQuery) (chat.Synced, error) {
	defer s.settle()
	return s.next().Sync(ctx, q)
}

func (s *spread) Epoch(ctx context.Context) (string, error) {
	defer s.settle()
	return s.next().Epoch(ctx)
}

func (s *spread) Changed(ctx context.Context, since time.Time, limit int) ([]chat.Head, error) {
	defer s.settle()
	return s.next().Changed(ctx, since, limit)
}

func (s *spread) Heads(ctx context.Context, user chat.UserID, since time.Time, limit int) ([]chat.Head, error) {
	defer s.settle()
	return s.next().Heads(ctx, user, since, limit)
}

func (s *spread) SearchMessages(ctx context.Context, q chat.MessageSearch) (chat.Page, error) {
	defer s.settle()
	return s.next().SearchMessages(ctx, q)
}

func (s *spread) Retain(ctx context.Context, cmd chat.Retain) (removed int, err error) {
	defer s.settle()
	return s.next().Retain(ctx, cmd)
}
