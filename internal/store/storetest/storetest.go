// Package storetest holds the tests that every driver of [chat.Store] must pass.
// They speak to the stores alone, also to bring about what they begin with; the rules of
// chat have tests of their own.
package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) suite.Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"Friends", testFriends},
		{"Blocks", testBlocks},
		{"DirectMessage", testDirectMessage},
		{"StartAppend", testStartAppend},
		{"StartReplies", testStartReplies},
		{"RoomMessage", testRoomMessage},
		{"MessageKeepsAllFields", testMessageKeepsAllFields},
		{"TimestampsNeverGoBack", testTimestamps},
		{"ClientMsgID", testClientMsgID},
		{"ClientMsgIDInReplacedRoom", testClientMsgIDInReplacedRoom},
		{"ScheduledByWhoIsDisabled", testScheduledByDisabled},
		{"AuditOfCommands", testAuditOfCommands},
		{"ClientMsgIDOfDeletedMessage", testClientMsgIDOfDeleted},
		{"RefusedMessagesLeaveNoTrace", testRefusedMessages},
		{"Pages", testPages},
		{"Unread", testUnread},
		{"UnreadSince", testUnreadSince},
		{"CreateRoom", testCreateRoom},
		{"Join", testJoin},
		{"JoinRefusals", testJoinRefusals},
		{"Quotas", testQuotas},
		{"Leave", testLeave},
		{"AdminFollows", testAdminFollows},
		{"EmptyRooms", testEmptyRooms},
		{"RoomLists", testRoomLists},
		{"MembershipsAmong", testMembershipsAmong},
		{"MembersBy", testMembersBy},
		{"MembersOf", testMembersOf},
		{"Access", testAccess},
		{"MarkRead", testMarkRead},
		{"MarkReadOfSeveralConversations", testMarkReadSeveral},
		{"MarkReadOfWhoLeft", testMarkReadOfLeaver},
		{"MarkReadInLargeRoom", testMarkReadLarge},
		{"EndedContextStoresNothing", testEndedContext},
		{"ManySenders", testManySenders},
		{"ManyConversations", testManyConversations},
		{"SameClientMsgIDAtOnce", testSameClientMsgID},
		{"CapacityAtOnce", testCapacity},
		{"MarkReadAtOnce", testMarkReadAtOnce},
		{"RefusedAmongAccepted", testRefusedAmongAccepted},
		{"StrangeIDs", testStrangeIDs},
		{"OrderOfIDs", testOrderOfIDs},
		{"SurvivesReopening", testReopen},
		{"Edit", testEdit},
		{"Delete", testDelete},
		{"Pin", testPin},
		{"Reactions", testReactions},
		{"ManyReactionsAtOnce", testManyReactions},
		{"Mentions", testMentions},
		{"MentionsByLogin", testMentionsByLogin},
		{"Names", testNames},
		{"ManyNames", testManyNames},
		{"Threads", testThreads},
		{"SettingsAreEnforced", testSettings},
		{"OnlyAdmins", testOnlyAdmins},
		{"Invite", testInvite},
		{"Kick", testKick},
		{"Ban", testBan},
		{"Bans", testBans},
		{"Roles", testRoles},
		{"AddMembers", testAddMembers},
		{"UpdateRoom", testUpdateRoom},
		{"DeleteRoom", testDeleteRoom},
		{"Directory", testDirectory},
		{"SearchRooms", testSearchRooms},
		{"DemotedAtOnce", testDemotedAtOnce},
		{"KickedWhileSending", testKickedWhileSending},
		{"MarkConversation", testMarkConversation},
		{"Conversations", testConversations},
		{"UnreadCounts", testUnreadCounts},
		{"Sync", testSync},
		{"Epochs", testEpochs},
		{"SyncAnswers", testSyncAnswers},
		{"SyncBySize", testSyncBySize},
		{"Heads", testHeads},
		{"Search", testSearch},
		{"SearchFollowsChanges", testSearchFollowsChanges},
		{"SearchAfterDeath", testSearchAfterDeath},
		{"Retain", testRetain},
		{"RetainedReference", testRetainedReference},
		{"SearchAfterRetention", testSearchAfterRetention},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[chat.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

// fixture is one test with its database, and short ways to use it.
type fixture struct {
	suite.Test[chat.Event]
	driver   suite.Driver
	store    chat.Store
	accounts account.Store // whose events no test is about
	ids      atomic.Int64
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	f.store, f.accounts = f.driver.Open(f, f.Events.Record, func([]account.Event) {})
}

func (f *fixture) id(prefix string) string {
	return fmt.Sprintf("%s-%d", prefix, f.ids.Add(1))
}

func actor(id chat.UserID) chat.Actor {
	return chat.Actor{ID: id, Name: "Name of " + string(id), Origin: "connection of " + string(id)}
}

// direct is the command for a message to a user.
func (f *fixture) direct(from, to chat.UserID, content string) chat.Append {
	return chat.Append{
		Message: chat.Message{
			ID: f.id("m"), ConversationID: chat.DirectID(from, to), RecipientID: to,
			SenderID: from, SenderName: actor(from).Name, Content: content, Type: chat.TypeText, Timestamp: start,
		},
		Fingerprint: []byte(content),
		Origin:      actor(from).Origin,
	}
}

// toRoom is the command for a message to a room.
func (f *fixture) toRoom(from chat.UserID, room, content string) chat.Append {
	cmd := f.direct(from, "nobody", content)
	cmd.Message.ConversationID, cmd.Message.RecipientID, cmd.Message.RoomID = "", "", room
	return cmd
}

func (f *fixture) append(cmd chat.Append) chat.Message {
	f.Helper()
	m, err := f.store.AppendMessage(f.Context(), cmd)
	f.Must(err)
	return m
}

// room creates a room of the given type, for max members, and returns it.
func (f *fixture) room(kind chat.RoomType, maxMembers int, creator chat.UserID) chat.Room {
	f.Helper()
	r := chat.Room{
		ID: f.id("room"), ConversationID: f.id("room:c"), Name: "A room", Description: "For tests", Type: kind,
		MaxMembers: maxMembers, CreatedBy: creator, CreatedAt: start, MemberCount: 1,
		Members: []chat.UserID{creator}, Admins: []chat.UserID{creator}, Banned: []chat.UserID{},
		Settings: chat.RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true, MessageRetention: 30 * 24 * time.Hour},
	}
	f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: r, Creator: actor(creator)}))
	return r
}

// createMany creates n rooms of a user at a time, some of them at once, as they are there to be many.
func (f *fixture) createMany(n int, creator chat.UserID, at time.Time) {
	f.Helper()
	const callers = 20
	suite.AtOnce(callers, func(i int) {
		for j := i; j < n; j += callers {
			id := fmt.Sprint("many-", creator, "-", j)
			err := f.store.CreateRoom(f.Context(), chat.NewRoom{Creator: actor(creator), Room: chat.Room{
				ID: id, ConversationID: "room:" + id, Name: "One of many", Type: chat.RoomPublic, MaxMembers: 10, CreatedBy: creator, CreatedAt: at,
			}})
			if err != nil {
				f.Error(err)
			}
		}
	})
}

func (f *fixture) join(user chat.UserID, room string) bool {
	f.Helper()
	joined, err := f.tryJoin(user, room)
	f.Must(err)
	return joined
}

func (f *fixture) tryJoin(user chat.UserID, room string) (bool, error) {
	return f.store.Join(f.Context(), chat.Join{RoomID: room, Actor: actor(user), At: start})
}

func (f *fixture) leave(user chat.UserID, room string) bool {
	f.Helper()
	left, err := f.store.Leave(f.Context(), chat.Leave{RoomID: room, Actor: actor(user), At: start})
	f.Must(err)
	return left
}

// invite and ban are what an admin of the room does.
func (f *fixture) invite(by chat.UserID, room chat.Room, user chat.UserID) {
	f.Helper()
	f.Must(f.store.Invite(f.Context(), about(by, room, user)))
}

func (f *fixture) ban(by chat.UserID, room chat.Room, user chat.UserID) {
	f.Helper()
	f.Must(f.store.Ban(f.Context(), about(by, room, user)))
}

// all returns a whole conversation.
func (f *fixture) all(conversation string) []chat.Message {
	f.Helper()
	page, err := f.store.Messages(f.Context(), chat.MessageQuery{ConversationID: conversation, Limit: 100_000})
	f.Must(err)
	return page.Messages
}

// equal compares deeply. It may be called by the test's goroutine only.
func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

func contents(messages []chat.Message) []string {
	texts := []string{}
	for _, m := range messages {
		texts = append(texts, m.Content)
	}
	return texts
}
