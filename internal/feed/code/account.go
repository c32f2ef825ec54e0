package code

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/feed"
)

// accountEvent is an [account.Event].
type accountEvent struct {
	Kind       account.EventKind `json:"k"`
	At         time.Time         `json:"t,omitzero"`
	Actor      person            `json:"b,omitzero"`
	Other      person            `json:"u,omitzero"`
	Friends    []account.UserID  `json:"f,omitzero"`
	Private    bool              `json:"p,omitzero"`
	Origin     string            `json:"o,omitzero"`
	Revocation *revocation       `json:"r,omitzero"`
	Issuer     string            `json:"i,omitzero"`
	Address    *blockedAddress   `json:"a,omitzero"`
}

// The types of accounts, and what else facts are of, with names for JSON; see those of chats.
type (
	person struct {
		ID   account.UserID `json:"i,omitzero"`
		Name string         `json:"n,omitzero"`
	}
	revocation struct {
		At       time.Time      `json:"t,omitzero"`
		Issuer   string         `json:"i,omitzero"`
		TokenID  string         `json:"j,omitzero"`
		Until    time.Time      `json:"e,omitzero"`
		UserID   account.UserID `json:"u,omitzero"`
		IssuedBy time.Time      `json:"b,omitzero"`
	}
	blockedAddress struct {
		Address netip.Addr     `json:"a,omitzero"`
		Until   time.Time      `json:"e,omitzero"`
		Reason  string         `json:"w,omitzero"`
		By      account.UserID `json:"b,omitzero"`
		At      time.Time      `json:"t,omitzero"`
	}
	notice struct {
		Topics []string         `json:"t,omitzero"`
		Users  []account.UserID `json:"u,omitzero"`
		Body   json.RawMessage  `json:"b"`
	}
	passing struct {
		Kind   feed.PassingKind `json:"k"`
		Node   string           `json:"o,omitzero"`
		Who    account.Person   `json:"u,omitzero"`
		To     []account.UserID `json:"to,omitzero"`
		RoomID string           `json:"r,omitzero"`
		Except []account.UserID `json:"x,omitzero"`
	}
)

func accountEvents(f *feed.Facts) []accountEvent {
	return each(f.Accounts, func(e account.Event) accountEvent {
		return accountEvent{
			Kind: e.Kind, At: e.At, Actor: person(e.Actor), Other: person(e.Other), Friends: e.Friends, Private: e.Private,
			Origin: e.Origin, Revocation: revocationOf(e.Revocation), Issuer: e.Issuer, Address: (*blockedAddress)(e.Address),
		}
	})
}

// lastYear is the last one that a time in JSON can be of.
const lastYear = 9999

// revocationOf has a token that is revoked for longer than can be written forgotten before.
func revocationOf(r *account.Revocation) *revocation {
	if r == nil || r.Until.Year() <= lastYear {
		return (*revocation)(r)
	}
	until := revocation(*r)
	until.Until = time.Date(lastYear, 12, 31, 0, 0, 0, 0, time.UTC)
	return &until
}

// decodeAccounts adds the events of accounts.
func decodeAccounts(in []accountEvent, c *feed.Committed) error {
	for i := range in {
		e := account.Event{
			Kind: in[i].Kind, At: in[i].At, Actor: account.Person(in[i].Actor), Other: account.Person(in[i].Other), Friends: in[i].Friends,
			Private: in[i].Private, Origin: in[i].Origin, Revocation: (*account.Revocation)(in[i].Revocation), Issuer: in[i].Issuer,
			Address: (*account.BlockedAddress)(in[i].Address),
		}
		known, whole := promisedOf(&e)
		if known && !whole {
			return fmt.Errorf("decode facts: an event %s lacks what it is about", e.Kind)
		}
		if known {
			c.Facts.Accounts = append(c.Facts.Accounts, e)
		}
	}
	return nil
}

// promisedOf is promised for an event of accounts.
func promisedOf(e *account.Event) (known, whole bool) {
	//exhaustive:enforce
	switch e.Kind {
	case account.FriendRequested, account.FriendCancelled, account.FriendAccepted, account.FriendDeclined, account.FriendRemoved,
		account.UserBlocked, account.UserUnblocked:
		return true, e.Actor.ID != "" && e.Other.ID != ""
	case account.UserChanged, account.UserReassigned, account.UserDisabled, account.UserEnabled:
		return true, e.Actor.ID != ""
	case account.TokensRevoked:
		return true, e.Revocation != nil
	case account.WebhooksChanged:
		return true, !e.At.IsZero()
	case account.AddressBlocked, account.AddressUnblocked:
		return true, e.Address != nil && e.Address.Address.IsValid()
	}
	return false, false
}
