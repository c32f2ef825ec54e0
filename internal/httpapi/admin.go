package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Limits of what an administrator asks for at once.
const (
	defaultConnections = 50
	maxConnections     = 500
	defaultAdminRooms  = 50
	maxAdminRooms      = chat.MaxListed
)

// Overview knows the connections of all nodes. Its methods may be called concurrently.
type Overview interface {
	Connections(q monitor.ConnectionQuery) monitor.ConnectionPage
	// End ends a connection and tells whose it was, EndUser and EndAddress end all of a user or from an address.
	End(id string) (userID account.UserID, from netip.Addr, ok bool)
	EndUser(id account.UserID) int
	EndAddress(from netip.Addr) int
	// Online returns who of the members of rooms is connected, in the order of the rooms.
	Online(roomIDs []string) []monitor.Presence
}

func (a *API) adminOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/admin/figures", id: "getFigures", tag: tagAdmin, needs: anAdmin,
			summary: "Get the figures of all nodes", details: "Those of now, and of the last ten minutes, oldest first. Of several nodes they are added, a user who is on two of them counts twice, and the newest sample has those of each in `nodes`.",
		}, a.figures),
		a.streamOperation(),
		a.nodesOperation(),
		a.usageOperation(),
		operate(operation{
			method: http.MethodGet, path: "/admin/connections", id: "listConnections", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List connections", details: "Of all nodes, those that have signed in. Whose place in the order changes meanwhile may be missed or seen twice, and a node that does not answer within a second is left out.",
		}, a.listConnections),
		operate(operation{
			method: http.MethodPost, path: "/admin/connections/{connectionId}/disconnect", id: "disconnectConnection", tag: tagAdmin, needs: anAdmin,
			summary: "Close a connection", details: "The token stays good, but clients do not come back by themselves.",
		}, a.disconnectConnection),
		operate(operation{
			method: http.MethodPost, path: "/admin/users/{userId}/revoke", id: "revokeUserAsAdmin", tag: tagAdmin, needs: anAdmin,
			summary: "Revoke a user's tokens", details: "All that were issued until now, of whatever issuer, and closes the user's connections.",
		}, a.adminRevoke),
		operate(operation{
			method: http.MethodGet, path: "/admin/blocks", id: "listBlockedAddresses", tag: tagAdmin, needs: anAdmin,
			summary: "List blocked addresses", details: "The newest first, without those whose time is over.",
		}, a.listBlocks),
		operate(operation{
			method: http.MethodPut, path: "/admin/blocks/{address}", id: "blockAddress", tag: tagAdmin, needs: anAdmin,
			summary: "Block an address",
			details: "For a time, after which it ends by itself. Its connections are closed, new ones and requests to the API are refused. An IPv6 address stands for its /64. One's own cannot be blocked.",
			example: `{"seconds": 3600, "reason": "floods"}`,
		}, a.blockAddress),
		operate(operation{
			method: http.MethodDelete, path: "/admin/blocks/{address}", id: "unblockAddress", tag: tagAdmin, needs: anAdmin,
			summary: "Unblock an address",
		}, a.unblockAddress),
		operate(operation{
			method: http.MethodGet, path: "/admin/rooms", id: "listAllRooms", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List all rooms", details: "By their ids, with how many members they have and how many of them are here; who is on several nodes counts on each. What is said in them is not shown.",
		}, a.listAllRooms),
	}
}

// audit writes what an administrator did to the server's log; what is kept goes with the command itself.
func (a *API) audit(c *caller, action string, about ...any) {
	a.deps.Log.Info("admin action", append([]any{"action", action, "admin", c.user.ID, "from", c.address.String()}, about...)...)
}

type connectionBody struct {
	ID            string           `json:"id"`
	Node          string           `json:"node,omitempty"` // where there are several
	UserID        account.UserID   `json:"userId"`
	Username      string           `json:"username"`
	Login         string           `json:"login,omitempty"` // of a local account
	Address       string           `json:"address"`
	Transport     string           `json:"transport"`
	Protocol      monitor.Protocol `json:"protocol"`
	Since         wire.Time        `json:"since"`
	LastActive    wire.Time        `json:"lastActive"`
	Received      uint64           `json:"received"`
	Sent          uint64           `json:"sent"`
	ReceivedBytes uint64           `json:"receivedBytes"`
	SentBytes     uint64           `json:"sentBytes"`
	Rooms         []string         `json:"rooms"`
	RoomCount     int              `json:"roomCount"`
}

func connectionOf(c *monitor.Connection) connectionBody {
	return connectionBody{
		ID: c.ID, Node: c.Node, UserID: c.UserID, Username: c.Name, Address: c.Address, Transport: c.Transport, Protocol: c.Protocol,
		Since: wire.Time(c.Since), LastActive: wire.Time(c.LastActive),
		Received: c.Received, Sent: c.Sent, ReceivedBytes: c.ReceivedBytes, SentBytes: c.SentBytes,
		Rooms: append([]string{}, c.Rooms...), RoomCount: c.RoomCount,
	}
}

type listConnectionsPayload struct {
	Query string        `json:"query" need:"optional" min:"0" doc:"In the id or the name of the user, the address, or the id of the connection; whatever the case."`
	Order monitor.Order `json:"order" need:"optional"`
	After string        `json:"after" need:"optional"`
	Limit int           `json:"limit" default:"50" max:"500"`
}

type connectionsAnswer struct {
	Connections []connectionBody `json:"connections"`
	Total       int              `json:"total"`
	Next        string           `json:"next,omitempty"`
}

func (a *API) listConnections(ctx context.Context, _ *caller, p listConnectionsPayload) (connectionsAnswer, error) {
	q, wrong := p.query()
	if wrong != nil {
		return connectionsAnswer{}, wrong
	}
	page := a.deps.Overview.Connections(q)
	answer := connectionsAnswer{Connections: make([]connectionBody, len(page.Connections)), Total: page.Total}
	users := make([]chat.UserID, len(page.Connections))
	for i := range page.Connections {
		users[i] = page.Connections[i].UserID
	}
	names, err := a.deps.Chat.Names(ctx, users)
	if err != nil {
		return connectionsAnswer{}, err
	}
	for i := range page.Connections {
		answer.Connections[i] = connectionOf(&page.Connections[i])
		answer.Connections[i].Login = names[users[i]].Login
	}
	if n := len(page.Connections); n > 0 && page.More {
		answer.Next = cursorAt(q.Order.Place(&page.Connections[n-1]))
	}
	return answer, nil
}

type connectionPayload struct {
	ConnectionID string `json:"connectionId"`
}

func (a *API) disconnectConnection(ctx context.Context, c *caller, p connectionPayload) (nothing, error) {
	user, from, ok := a.deps.Overview.End(p.ConnectionID)
	if !ok {
		return nothing{}, newProblem(http.StatusNotFound, codeConnectionNotFound, "connectionId", "There is no such connection")
	}
	a.audit(c, "disconnect", "connection", p.ConnectionID, "user", user, "address", from.String())
	return nothing{}, a.deps.Accounts.Note(ctx, "connection_closed", string(user), from.String())
}

func (a *API) adminRevoke(ctx context.Context, c *caller, p userPayload) (nothing, error) {
	if err := a.deps.Accounts.RevokeUser(ctx, p.UserID); err != nil {
		return nothing{}, err
	}
	a.audit(c, "revoke", "user", p.UserID)
	return nothing{}, a.deps.Accounts.AwaitNewTokens(ctx, p.UserID)
}

type blockBody struct {
	Address   string         `json:"address"`
	Until     wire.Time      `json:"until"`
	Reason    string         `json:"reason"`
	By        account.UserID `json:"by"`
	CreatedAt wire.Time      `json:"createdAt"`
	Names     wire.Names     `json:"names,omitempty"` // of by
}

func blockOf(b *account.BlockedAddress, names chat.Names) blockBody {
	return blockBody{
		Address: b.Address.String(), Until: wire.Time(b.Until), Reason: b.Reason, By: b.By, CreatedAt: wire.Time(b.At),
		Names: wire.NamesOf(names.Of([]chat.UserID{b.By})),
	}
}

type blocksAnswer struct {
	Blocks []blockBody `json:"blocks"`
}

func (a *API) listBlocks(ctx context.Context, _ *caller, _ nothing) (blocksAnswer, error) {
	list := a.deps.Accounts.BlockedAddresses()
	users := make([]chat.UserID, len(list))
	for i := range list {
		users[i] = list[i].By
	}
	names, err := a.deps.Chat.Names(ctx, users)
	answer := blocksAnswer{Blocks: make([]blockBody, len(list))}
	for i := range list {
		answer.Blocks[i] = blockOf(&list[i], names)
	}
	return answer, err
}

type blockPayload struct {
	Address string `json:"address"`
	Seconds int    `json:"seconds" min:"1" max:"31622400"`
	Reason  string `json:"reason" need:"optional" max:"200"`
}

type blockAnswer struct {
	Block        blockBody `json:"block"`
	Disconnected int       `json:"disconnected"`
}

// blockAddress refuses the caller's own address: nobody could take that back but who has the server's machine.
func (a *API) blockAddress(ctx context.Context, c *caller, p blockPayload) (blockAnswer, error) {
	address, wrong := a.address(p.Address)
	if wrong != nil {
		return blockAnswer{}, wrong
	}
	if address == c.address {
		return blockAnswer{}, newProblem(http.StatusConflict, codeOwnAddress, "address", "This is the address that you come from")
	}
	seconds := min(max(p.Seconds, 0), int(account.MaxBlock.Seconds())+1) // a duration has an end
	b, err := a.deps.Accounts.BlockAddress(ctx, account.BlockAddress{
		Address: address, For: time.Duration(seconds) * time.Second, Reason: p.Reason, By: c.user.ID,
	})
	if err != nil {
		return blockAnswer{}, err
	}
	ended := a.deps.Overview.EndAddress(address)
	a.audit(c, "block", "address", address.String(), "until", b.Until, "reason", b.Reason, "disconnected", ended)
	names, err := a.deps.Chat.Names(ctx, []chat.UserID{b.By})
	return blockAnswer{blockOf(&b, names), ended}, err
}

type addressPayload struct {
	Address string `json:"address"`
}

func (a *API) unblockAddress(ctx context.Context, c *caller, p addressPayload) (nothing, error) {
	address, wrong := a.address(p.Address)
	if wrong != nil {
		return nothing{}, wrong
	}
	if err := a.deps.Accounts.UnblockAddress(ctx, address); err != nil {
		return nothing{}, err
	}
	a.audit(c, "unblock", "address", address.String())
	return nothing{}, nil
}

// address is the one by which a client from there counts. It is nil or an error: the types differ.
func (a *API) address(text string) (netip.Addr, error) {
	if _, err := netip.ParseAddr(strings.TrimSpace(text)); err != nil {
		return netip.Addr{}, refusal.Invalid("address", "must be an IP address")
	}
	return a.deps.Clients.ClientIP(strings.TrimSpace(text), nil), nil
}

type listAllRoomsPayload struct {
	Query string `json:"query" need:"optional" min:"0" doc:"In the id, the name or the description, whatever the case."`
	After string `json:"after" need:"optional"`
	Limit int    `json:"limit" default:"50" max:"100"`
}

type adminRoomBody struct {
	RoomID            string        `json:"roomId"`
	Name              string        `json:"name"`
	Type              chat.RoomType `json:"type"`
	CreatedBy         chat.UserID   `json:"createdBy"`
	Names             wire.Names    `json:"names,omitempty"` // of createdBy
	CreatedAt         wire.Time     `json:"createdAt"`
	MemberCount       int           `json:"memberCount"`
	OnlineUsers       int           `json:"onlineUsers"`
	OnlineConnections int           `json:"onlineConnections"`
}

type allRoomsAnswer struct {
	Rooms []adminRoomBody `json:"rooms"`
	Next  string          `json:"next,omitempty"`
}

func (a *API) listAllRooms(ctx context.Context, _ *caller, p listAllRoomsPayload) (allRoomsAnswer, error) {
	q := chat.AllRoomsQuery{Text: p.Query, After: p.After, Limit: cmp.Or(p.Limit, defaultAdminRooms)}
	page, err := a.deps.Chat.AllRooms(ctx, q)
	if err != nil {
		return allRoomsAnswer{}, err
	}
	answer := allRoomsAnswer{Rooms: make([]adminRoomBody, len(page.Rooms)), Next: page.Next}
	creators := make([]chat.UserID, len(page.Rooms))
	for i := range page.Rooms {
		creators[i] = page.Rooms[i].CreatedBy
	}
	names, err := a.deps.Chat.Names(ctx, creators)
	if err != nil {
		return allRoomsAnswer{}, err
	}
	ids := make([]string, len(page.Rooms))
	for i := range page.Rooms {
		ids[i] = page.Rooms[i].ID
	}
	presence := a.deps.Overview.Online(ids)
	for i := range page.Rooms {
		r, online := &page.Rooms[i], presence[i]
		answer.Rooms[i] = adminRoomBody{
			RoomID: r.ID, Name: r.Name, Type: r.Type, CreatedBy: r.CreatedBy, Names: wire.NamesOf(names.Of(creators[i : i+1])),
			CreatedAt: wire.Time(r.CreatedAt), MemberCount: r.MemberCount,
			OnlineUsers: online.Users, OnlineConnections: online.Connections,
		}
	}
	return answer, nil
}
