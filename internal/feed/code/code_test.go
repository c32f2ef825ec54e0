package code_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/code"
)

var at = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

// chatKinds and accountKinds are all that there are; TestEveryKind fails where one is missing.
var (
	chatKinds = []chat.EventKind{
		chat.MessageCreated, chat.MessageEdited, chat.MessageDeleted, chat.MessagePinned, chat.MessageUnpinned, chat.ReactionAdded,
		chat.ReactionRemoved, chat.MemberJoined, chat.MemberLeft, chat.MemberRole, chat.MemberBanned, chat.MemberUnbanned,
		chat.MemberInvited, chat.MembersAdded, chat.RoomUpdated, chat.RoomDeleted, chat.MessageRead, chat.ConversationRead,
		chat.ScheduledChanged,
	}
	accountKinds = []account.EventKind{
		account.FriendRequested, account.FriendCancelled, account.FriendAccepted, account.FriendDeclined, account.FriendRemoved,
		account.UserBlocked, account.UserUnblocked, account.UserChanged, account.UserReassigned, account.UserDisabled, account.UserEnabled, account.TokensRevoked,
		account.AddressBlocked, account.AddressUnblocked, account.WebhooksChanged,
	}
)

// filler gives every field something that no other has.
type filler int

func (f *filler) fill(v reflect.Value) {
	*f++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = at.Add(time.Duration(*f) * time.Millisecond)
		return
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, 0, byte(*f)})
		return
	case *any:
		*p = json.RawMessage(fmt.Sprintf(`{"body":%d}`, *f))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("ß<%d>\x00\u2028", *f))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*f))
	case reflect.Float64:
		v.SetFloat(float64(*f))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic(v.Type())
	}
}

// full are facts of every kind, in which every field is set.
func full() feed.Facts {
	var f filler
	var facts feed.Facts
	f.fill(reflect.ValueOf(&facts).Elem())
	facts.Chat, facts.Accounts = nil, nil
	for _, kind := range chatKinds {
		var e chat.Event
		f.fill(reflect.ValueOf(&e).Elem())
		e.Kind = kind
		facts.Chat = append(facts.Chat, e)
	}
	for _, kind := range accountKinds {
		var e account.Event
		f.fill(reflect.ValueOf(&e).Elem())
		e.Kind = kind
		facts.Accounts = append(facts.Accounts, e)
	}
	return facts
}

func TestWhole(t *testing.T) {
	want := full()
	data, err := code.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := code.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Facts, want) || got.Commit != want.Commit || got.Places != nil {
		t.Errorf("of\n%+v\ncame\n%+v", want, got)
	}
}

// Nothing comes back as nothing, and an empty list as an empty list: clients are shown the difference.
func TestEmpty(t *testing.T) {
	for name, want := range map[string]feed.Facts{
		"nothing": {},
		"lists": {Chat: []chat.Event{{Kind: chat.MembersAdded, Added: &chat.Added{Users: []chat.UserID{}}}, {
			Kind: chat.MessageCreated, Message: &chat.Message{Attachments: []string{}},
		}}},
	} {
		data, err := code.Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := code.Decode(data); err != nil || !reflect.DeepEqual(got.Facts, want) {
			t.Errorf("%s: of %+v came %+v, error %v", name, want, got, err)
		}
	}
}

func TestTimesComeInUTC(t *testing.T) {
	local := feed.Facts{At: time.Now().In(time.FixedZone("east", 3600))}
	data, err := code.Encode(&local)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := code.Decode(data); err != nil || !got.Facts.At.Equal(local.At) || got.Facts.At.Location() != time.UTC {
		t.Errorf("of %v came %v, error %v", local.At, got.Facts.At, err)
	}
}

// A token's time may end so late that no text can say when. The log of commits must take its revocation.
func TestTokenThatNeverEnds(t *testing.T) {
	until := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Add(time.Hour)
	data, err := code.EncodeLogged(&feed.Facts{Accounts: []account.Event{{
		Kind: account.TokensRevoked, Revocation: &account.Revocation{TokenID: "t", Until: until},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := code.Decode(data); err != nil || got.Facts.Accounts[0].Revocation.Until.Year() != 9999 {
		t.Errorf("it came as %+v, error %v", got, err)
	}
}

func TestNoticeThatIsNoJSON(t *testing.T) {
	if data, err := code.Encode(&feed.Facts{Notices: []feed.Notice{{Body: func() {}}}}); err == nil {
		t.Errorf("a function was encoded as %s", data)
	}
}

// Nothing that a delete wipes is in what is logged, and all else is there as it was.
func TestLogged(t *testing.T) {
	want := full()
	data, err := code.EncodeLogged(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := code.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Facts.Accounts, want.Accounts) || len(got.Facts.Chat) != len(want.Chat) {
		t.Fatalf("of\n%+v\ncame\n%+v", want, got)
	}
	for i := range want.Chat {
		// filler gives every event everything: as a message it is logged by its place.
		e, place := &got.Facts.Chat[i], got.Places[i]
		if e.Kind != "" || place.ConversationID != want.Chat[i].ConversationID || place.First != want.Chat[i].Seq || place.Last != place.First {
			t.Errorf("of %+v came %+v at %+v", want.Chat[i], e, place)
		}
	}
	for i := range want.Chat {
		for _, wiped := range []string{want.Chat[i].Message.Content, want.Chat[i].Reaction.Emoji} {
			if text, _ := json.Marshal(wiped); bytes.Contains(data, text[1:len(text)-1]) {
				t.Errorf("%s is logged", wiped)
			}
		}
	}
	for i := range want.Chat {
		want.Chat[i].Message, want.Chat[i].Reaction = nil, nil
	}
	plain := feed.Facts{Chat: want.Chat[7:]} // those that are no messages
	if data, err = code.EncodeLogged(&plain); err != nil {
		t.Fatal(err)
	}
	if got, err = code.Decode(data); err != nil || !reflect.DeepEqual(got.Facts, plain) || got.Places != nil {
		t.Errorf("of\n%+v\ncame\n%+v\nerror %v", plain, got, err)
	}
}

// Places that follow each other are one, as far as nothing that is whole stands between.
func TestPlaces(t *testing.T) {
	said := func(conversation string, seq int64) chat.Event {
		return chat.Event{Kind: chat.MessageCreated, ConversationID: conversation, Seq: seq, Message: &chat.Message{}}
	}
	joined := chat.Event{Kind: chat.MemberJoined, ConversationID: "a", Seq: 4, Membership: &chat.Membership{UserID: "u"}}
	facts := feed.Facts{Chat: []chat.Event{
		said("a", 1), said("b", 7), said("a", 2), said("a", 3), joined, said("b", 8), said("a", 5), said("b", 10), said("b", 11),
	}}
	data, err := code.EncodeLogged(&facts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := code.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]feed.Place{
		0: {ConversationID: "a", First: 1, Last: 3}, 1: {ConversationID: "b", First: 7, Last: 7},
		3: {ConversationID: "b", First: 8, Last: 8}, 4: {ConversationID: "a", First: 5, Last: 5}, 5: {ConversationID: "b", First: 10, Last: 11},
	}
	if !reflect.DeepEqual(got.Places, want) || len(got.Facts.Chat) != 6 || !reflect.DeepEqual(got.Facts.Chat[2], joined) {
		t.Errorf("places %+v, events %+v", got.Places, got.Facts.Chat)
	}
}

// What a newer program writes is read as far as that is safe.
func TestNewer(t *testing.T) {
	if _, err := code.Decode([]byte(`{"v":2}`)); !errors.Is(err, code.ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
	got, err := code.Decode([]byte(`{"v":1,"new":1,"c":[{"k":"new"},{"k":"member.joined","p":{"u":"x","new":2}}],"a":[{"k":"new"}]}`))
	if err != nil || len(got.Facts.Chat) != 1 || got.Facts.Chat[0].Membership.UserID != "x" || got.Facts.Accounts != nil {
		t.Errorf("of what is not known came %+v, error %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	refused := []string{``, `null `[:3], `[]`, `{"v":"1"}`, `{"c":[{}]}`, `{"c":[{"c":"a","s":0,"l":1}]}`, `{"c":[{"c":"a","s":2,"l":1}]}`}
	for _, kind := range chatKinds {
		refused = append(refused, fmt.Sprintf(`{"c":[{"k":%q}]}`, kind))
	}
	for _, kind := range accountKinds {
		refused = append(refused, fmt.Sprintf(`{"a":[{"k":%q}]}`, kind))
	}
	for _, text := range refused {
		if got, err := code.Decode([]byte(text)); err == nil {
			t.Errorf("of %s came %+v", text, got)
		} else if !strings.Contains(err.Error(), "decode facts") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	facts := messages()
	for b.Loop() {
		if _, err := code.Encode(&facts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeLogged(b *testing.B) {
	facts := messages()
	for b.Loop() {
		if _, err := code.EncodeLogged(&facts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	facts := messages()
	data, err := code.Encode(&facts)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := code.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// messages are facts of a commit with 64 of them in eight rooms.
func messages() (facts feed.Facts) {
	facts.At = at
	for i := range int64(64) {
		room := fmt.Sprintf("room-%d", i%8)
		m := &chat.Message{
			ID: fmt.Sprintf("01hxxxxxxxxxxxxxxxxxxx%d", i), ConversationID: "room:" + room, RoomID: room, SenderID: "u_abcdefghijklmn",
			SenderName: "Ada Lovelace", Content: strings.Repeat("words that are said ", 5), Type: chat.TypeText,
			ClientMsgID: fmt.Sprintf("3f2504e0-4f89-11d3-9a0c-0305e82c33%02d", i), Seq: 100 + i/8, Timestamp: at,
		}
		facts.Chat = append(facts.Chat, chat.NewMessageEvent(m, "a connection"))
	}
	return facts
}

// FuzzDecode: whatever comes there is no panic, and what is decoded can be encoded and comes back the same.
func FuzzDecode(f *testing.F) {
	for _, kind := range chatKinds { // short ones: it is slow with long ones
		f.Add([]byte(`{"v":1,"c":[{"k":"` + string(kind) + `","c":"a","s":1,"t":"2024-02-29T23:59:59.123Z","to":{"u":["b"]},"as":{"b":{"Name":"B"}},` +
			`"m":{"i":"m"},"x":{"e":"👍"},"p":{"u":"b"},"d":{"u":[]},"r":{"i":"r"},"y":[{"i":"m"}],"n":{"s":1}}]}`))
	}
	for _, kind := range accountKinds {
		f.Add([]byte(`{"v":1,"a":[{"k":"` + string(kind) + `","b":{"i":"a"},"u":{"i":"b"},"r":{"e":"2024-02-29T23:59:59.123Z"},"a":{"a":"10.0.0.1"}}]}`))
	}
	f.Add([]byte(`{"v":1,"h":[{"c":"a","to":{"Users":["b"]}}],"i":[{"t":["x"],"b":{"y":1}}],"p":[{"k":"online","u":{"ID":"a"}}]}`))
	f.Add([]byte(`{"v":1,"c":[{"c":"a","s":1,"l":2},{"k":"member.left","p":{}}],"a":[{"k":"address.unblocked","a":{"a":"::1"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := code.Decode(data)
		if err != nil || first.Places != nil {
			return // places are encoded of events, which are not there
		}
		again, err := code.Encode(&first.Facts)
		if err != nil {
			t.Fatalf("%+v was decoded, and cannot be encoded: %v", first, err)
		}
		second, err := code.Decode(again)
		if err != nil {
			t.Fatalf("%s was encoded, and cannot be decoded: %v", again, err)
		}
		last, err := code.Encode(&second.Facts)
		if err != nil || !bytes.Equal(again, last) {
			t.Fatalf("%s became %s, error %v", again, last, err)
		}
	})
}
