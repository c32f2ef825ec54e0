package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/wire"
)

func (a *API) usageOperation() operation {
	return operate(operation{
		method: http.MethodGet, path: "/admin/usage", id: "getUsage", tag: tagAdmin, needs: anAdmin,
		summary: "Get what the server is used for",
		details: "Messages, the users and rooms that were active, and pushes, of the last days, weeks or months in UTC, that of now included, the oldest first. They are counted every ten minutes, for all nodes, and when this is asked, at most every 20 s, up to a minute ago, pushes by each node every ten seconds; days are kept for 400 days, weeks for 5 years, months for 10.",
	}, a.usage)
}

type usagePayload struct {
	By    usage.Unit `json:"by" default:"day" doc:"The unit. A week begins on Monday."`
	Limit int        `json:"limit" need:"optional" max:"400" doc:"How many units; at most 400 days, 260 weeks or 120 months. Without it 30, 26 or 12."`
}

type usageAnswer struct {
	By             usage.Unit       `json:"by"`
	Units          []usageCountBody `json:"units"`
	CountedThrough *wire.Time       `json:"countedThrough,omitempty" doc:"Messages of before are counted; absent where there was none."`
}

type usageCountBody struct {
	Start    string `json:"start" doc:"The first day of the unit, as YYYY-MM-DD."`
	Messages int    `json:"messages" doc:"Messages that were said, of the system too."`
	Users    int    `json:"activeUsers" doc:"Users who have said something, or were connected when it was counted. Each counts once in a unit."`
	Rooms    int    `json:"activeRooms" doc:"Rooms in which something was said."`
	Pushes   int    `json:"pushes" doc:"Notifications that a push service has taken, one for each device."`
	Failed   int    `json:"pushFailures" doc:"Those that were given up: refused, or too old before they were taken."`
}

func (a *API) usage(ctx context.Context, _ *caller, p usagePayload) (usageAnswer, error) {
	if p.By == "" {
		p.By = usage.Day
	}
	if err := usage.Check(p.By, p.Limit); err != nil {
		return usageAnswer{}, err
	}
	if err := a.deps.Usage.CatchUp(ctx); err != nil {
		return usageAnswer{}, err
	}
	h, err := a.deps.Usage.History(ctx, p.By, p.Limit)
	if err != nil {
		return usageAnswer{}, err
	}
	answer := usageAnswer{By: h.By, Units: make([]usageCountBody, len(h.Counts)), CountedThrough: wire.TimeOrNone(h.Through)}
	for i, c := range h.Counts {
		answer.Units[i] = usageCountBody{
			Start: c.Start.Format(time.DateOnly), Messages: c.Messages, Users: c.Users, Rooms: c.Rooms, Pushes: c.Sent, Failed: c.Failed,
		}
	}
	return answer, nil
}
