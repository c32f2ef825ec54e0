package httpapi

import (
	"context"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func (a *API) botOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodPost, path: "/server/bots", id: "createBot", tag: tagServer, needs: backend(account.ScopeBots), status: http.StatusCreated,
			summary: "Create a bot", details: "A user that a program is, with a token for a year. It uses every protocol and the API as other users do, by the same rules.",
			example: `{"username": "Echo"}`,
		}, a.createBot),
		operate(operation{
			method: http.MethodPost, path: "/server/bots/{userId}/token", id: "issueBotToken", tag: tagServer, needs: backend(account.ScopeBots),
			summary: "Issue a token for a bot", details: "For a year. Those before stay good until they are revoked.",
		}, a.issueBotToken),
	}
}

type createBotPayload struct {
	Username string `json:"username" max:"100"`
}

type botAnswer struct {
	User accountBody `json:"user"`
	tokenBody
}

type tokenBody struct {
	Token     string    `json:"token"`
	ExpiresAt wire.Time `json:"expiresAt"`
}

func (a *API) createBot(ctx context.Context, _ *caller, p createBotPayload) (botAnswer, error) {
	user, err := a.deps.Accounts.CreateBot(ctx, p.Username)
	if err != nil {
		return botAnswer{}, err
	}
	token, err := a.deps.Accounts.BotToken(ctx, user.ID)
	return botAnswer{accountOf(&user), tokenBody{token.Text, wire.Time(token.ExpiresAt)}}, err
}

func (a *API) issueBotToken(ctx context.Context, _ *caller, p userPayload) (tokenBody, error) {
	token, err := a.deps.Accounts.BotToken(ctx, p.UserID)
	return tokenBody{token.Text, wire.Time(token.ExpiresAt)}, err
}
