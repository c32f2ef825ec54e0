package storetest

import (
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// testMentionsByLogin: an id goes before a login name, and whoever is not there is not
// mentioned by either.
func testMentionsByLogin(f *fixture) {
	f.account("u_1", "Ada")
	f.account("u_2", "bert")
	f.account("u_3", "eve")
	f.known("anna")
	room := f.room(chat.RoomPublic, 10, "anna")
	for _, user := range []chat.UserID{"u_1", "u_2", "bert"} {
		f.join(user, room.ID)
	}
	cmd := f.toRoom("anna", room.ID, "x")
	cmd.Message.Mentions = []chat.UserID{"aDA", "u_1", "bert", "eve", "u_3"}
	m := f.append(cmd)
	equal(f, "who is mentioned", m.Mentions, []chat.UserID{"u_1", "bert"})
	equal(f, "counted", f.conversations("u_1")[0].Mentions, 1)

	f.befriend("anna", "u_1")
	direct := f.direct("anna", "u_1", "x")
	direct.Message.Mentions = []chat.UserID{"eve", "anna", "ada"}
	equal(f, "in a direct message", f.append(direct).Mentions, []chat.UserID{"u_1"})
}

// testNames: wherever a user stands by an id alone there is how the user is called,
// whether it is told live, read again or caught up with.
func testNames(f *fixture) {
	f.known("anna", "bert", "carl")
	f.account("u_1", "ada")
	all := chat.Names{
		"anna": {Name: actor("anna").Name}, "bert": {Name: actor("bert").Name},
		"u_1": {Name: actor("u_1").Name, Login: "ada"},
	}
	room := f.room(chat.RoomPublic, 10, "anna")
	for _, user := range []chat.UserID{"bert", "u_1", "carl", "unknown"} {
		f.join(user, room.ID)
	}
	cmd := f.toRoom("bert", room.ID, "x")
	cmd.Message.Mentions = []chat.UserID{"u_1", "unknown"}
	m := f.append(cmd)
	equal(f, "of a mention", m.Names, all.Of([]chat.UserID{"u_1"}))
	f.react("u_1", m, "👍", true)
	f.react("anna", m, "👍", true)
	f.Events.Take()

	pinned, err := f.store.PinMessage(f.Context(), chat.Pin{MessageID: m.ID, Actor: actor("anna"), Pinned: true, At: start, Most: 100})
	f.Must(err)
	equal(f, "of what is pinned", pinned.Names, all.Of([]chat.UserID{"u_1", "anna"}))
	f.edit("bert", m, "y")
	f.Must(f.store.Kick(f.Context(), about("anna", room, "carl")))
	_, err = f.store.AddMembers(f.Context(), chat.AddMembers{RoomID: room.ID, Actor: actor("bert"), Users: []chat.UserID{"carl"}, At: start})
	f.Must(err)
	f.Must(f.store.Ban(f.Context(), about("anna", room, "carl")))
	f.remove("bert", m)
	live := f.Events.Take()
	wants := []chat.Names{
		all.Of([]chat.UserID{"anna"}), all.Of([]chat.UserID{"bert"}), all.Of([]chat.UserID{"anna"}),
		{"carl": {Name: actor("carl").Name}}, all.Of([]chat.UserID{"anna"}), all.Of([]chat.UserID{"bert"}),
	}
	equal(f, "events", len(live), len(wants))
	for i, want := range wants {
		equal(f, "of "+string(live[i].Kind), live[i].Names, want)
	}
	equal(f, "of the message that was pinned", live[0].Message.Names, pinned.Names)
	equal(f, "of the message that was edited", live[1].Message.Names, all.Of([]chat.UserID{"u_1", "anna"})) // who reacted and pinned
	caught := f.sync("bert", map[string]int64{room.ConversationID: live[0].Seq - 1}).Conversations[0].Events
	equal(f, "caught up with", len(caught), len(wants))
	for i, want := range wants {
		if caught[i].Kind != chat.MembersAdded { // who was added is banned since
			equal(f, "caught up with: of "+string(caught[i].Kind), caught[i].Names, want)
		}
	}

	read := f.read(room)
	equal(f, "of a room", read.Names, chat.Names{
		"anna": all["anna"], "bert": all["bert"], "u_1": all["u_1"], "carl": {Name: actor("carl").Name},
	})
	bans, err := f.store.Bans(f.Context(), "anna", chat.BanQuery{RoomID: room.ID, Limit: 10})
	f.Must(err)
	equal(f, "of who has banned", bans.Bans[0].Names, all.Of([]chat.UserID{"anna"}))
	members, err := f.store.Members(f.Context(), "anna", chat.MemberQuery{RoomID: room.ID, Limit: 10})
	f.Must(err)
	equal(f, "login of a member", members.Members[2].Login, "ada")
	equal(f, "of a tombstone", f.all(room.ConversationID)[0].Names, nil)
}

// testManyNames: the first of a crowd are named.
func testManyNames(f *fixture) {
	room := f.room(chat.RoomPublic, 1000, "anna")
	m := f.append(f.toRoom("anna", room.ID, "x"))
	many := []chat.UserID{"anna"}
	for i := range chat.MaxNamed {
		many = append(many, chat.UserID(fmt.Sprintf("many-%03d", i)))
	}
	f.known(many...)
	suite.AtOnce(len(many), func(i int) {
		_, err := f.tryJoin(many[i], room.ID)
		for _, emoji := range []string{"👍", "👎"}[i%2:] {
			err = errors.Join(err, f.store.React(f.Context(), react(many[i], m, emoji, true)))
		}
		if err != nil {
			f.Error(err)
		}
	})
	equal(f, "named of a crowd", len(f.all(room.ConversationID)[0].Names), chat.MaxNamed)
}
