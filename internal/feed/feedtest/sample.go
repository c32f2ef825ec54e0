package feedtest

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// sample is some of every kind of fact, with everything that they can have.
func sample() feed.Facts {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)
	ada, bob := account.Person{ID: "ada", Name: "Ada"}, account.Person{ID: "bob", Name: "Bob"}
	place := func(seq int64) chat.Place {
		return chat.Place{ConversationID: "room:c", Seq: seq, At: at, By: "ada", Origin: "a connection"}
	}
	message := &chat.Message{
		ID: "m", ConversationID: "room:c", Seq: 1, RoomID: "hall", SenderID: "ada", SenderName: "Ada", Content: "Grüß dich 👋",
		Type: chat.TypeText, Timestamp: at, Attachments: []string{"file_a"}, Files: []chat.File{{
			ID: "file_a", Owner: "ada", Name: "图.png", Type: "image/png", Size: 7, At: at, Processed: true, Variants: []string{"thumbnail"},
			Details: chat.FileDetails{Width: 2, Height: 1, Format: "png", Duration: 1.5, Bitrate: 3, SampleRate: 4, Blurhash: "00"},
		}},
	}
	kicked := chat.NewMembershipEvent(chat.MemberLeft, place(3), chat.Membership{
		RoomID: "hall", UserID: "bob", UserName: "Bob", Role: chat.RoleAdmin, Reason: chat.LeftKicked,
	})
	kicked.Names = chat.Names{"ada": {Name: "Ada", Login: "ada"}}
	var passing []feed.Passing
	//exhaustive:enforce
	kinds := map[feed.PassingKind]feed.Passing{
		feed.TypingStarted: {Node: "a node", Who: ada, RoomID: "hall", Except: []account.UserID{"cyd"}},
		feed.TypingStopped: {Who: ada, To: []account.UserID{"bob"}},
	}
	for kind, p := range kinds {
		p.Kind = kind
		passing = append(passing, p)
	}
	return feed.Facts{
		At: at,
		Chat: []chat.Event{
			chat.NewMessageEvent(message, "a connection"),
			chat.NewReactionEvent(chat.ReactionAdded, place(2), message, chat.Reaction{MessageID: "m", RoomID: "hall", UserID: "ada", UserName: "Ada", Emoji: "👍"}),
			kicked,
			chat.NewAddedEvent(place(4), chat.Added{RoomID: "hall", Count: 2, Users: []chat.UserID{"bob", "cyd"}}),
			chat.NewRoomEvent(chat.RoomDeleted, place(5), chat.Room{ID: "hall", Name: "Hall", CreatedAt: at}, "ada", "bob"),
			chat.NewReceiptEvent([]chat.Receipt{{MessageID: "m", SenderID: "ada", ReadBy: "bob", ReadAt: at}}, "a connection"),
			chat.NewMarkEvent(chat.Mark{UserID: "bob", ConversationID: "room:c", ReadAt: at}, "a connection"),
			chat.NewScheduledEvent(&chat.Scheduled{
				ID: "s", AuthorID: "ada", ConversationID: "room:c", RoomID: "hall", RecipientID: "bob", SendAt: at,
			}, chat.ScheduledSent, "m", at, "a connection"),
		},
		Accounts: []account.Event{
			{Kind: account.FriendAccepted, At: at, Actor: ada, Other: bob, Private: true, Origin: "a connection"},
			{Kind: account.UserChanged, At: at, Actor: ada, Friends: []account.UserID{"bob"}},
			{Kind: account.TokensRevoked, At: at, Revocation: &account.Revocation{At: at, UserID: "ada", IssuedBy: at}},
			{Kind: account.TokensRevoked, At: at, Revocation: &account.Revocation{At: at, Issuer: "i", TokenID: "t", Until: at}},
			{Kind: account.UserReassigned, At: at, Actor: account.Person{ID: "ada"}, Issuer: "i"},
			{Kind: account.UserDisabled, At: at, Actor: account.Person{ID: "ada"}},
			{Kind: account.UserEnabled, At: at, Actor: account.Person{ID: "ada"}},
			{Kind: account.AddressBlocked, At: at, Address: &account.BlockedAddress{
				Address: netip.MustParseAddr("2001:db8::1"), Until: at, Reason: "spam", By: "ada", At: at,
			}},
			{Kind: account.AddressUnblocked, Address: &account.BlockedAddress{Address: netip.MustParseAddr("192.0.2.1")}},
			{Kind: account.WebhooksChanged, At: at},
		},
		Heads:   []chat.Head{{ConversationID: "room:c", Seq: 7, Audience: chat.Audience{RoomID: "hall", Users: []chat.UserID{"bob"}}}},
		Notices: []feed.Notice{{Topics: []string{"news"}, Users: []account.UserID{"ada"}, Body: json.RawMessage(`{"title":"News"}`)}},
		Passing: passing,
		Files: []feed.FileMade{{File: chat.File{
			ID: "file_a", Owner: "ada", Name: "图.png", Type: "image/png", Size: 7, At: at, Processed: true, Variants: []string{"thumbnail"},
			Details: chat.FileDetails{Width: 2, Height: 1, Format: "png", Duration: 1.5, Bitrate: 3, SampleRate: 4, Blurhash: "00"},
		}, Rooms: []string{"hall"}, Users: []account.UserID{"ada"}}},
	}
}
