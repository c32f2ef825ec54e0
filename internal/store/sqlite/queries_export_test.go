package sqlite

// DueQuery is the one that looks at all conversations.
const DueQuery = dueQuery

// Query is a query with the indexes that it must use.
type Query struct {
	Text string
	Uses []string
}

// Queries are those that are asked of conversations of any length.
func Queries() map[string]Query {
	bySeq := "(conversation_id=? AND seq"
	return map[string]Query{
		"newest messages":     {newestQuery, []string{"(conversation_id=?)"}},
		"messages before":     {beforeQuery, []string{bySeq}},
		"messages after":      {afterQuery, []string{bySeq}},
		"newest replies":      {newestReplies, []string{"messages_by_thread"}},
		"replies before":      {repliesBefore, []string{"messages_by_thread (thread_id=? AND seq<?)"}},
		"replies after":       {repliesAfter, []string{"messages_by_thread (thread_id=? AND seq>?)"}},
		"pinned messages":     {pinnedQuery, []string{"messages_pinned"}},
		"events":              {eventsQuery, []string{bySeq}},
		"unread messages":     {unreadQuery, []string{bySeq}},
		"unread of few":       {unreadOfFew, []string{"members_by_user", "messages_by_seq (conversation_id=? AND seq>?)"}},
		"heads of few":        {headsOfFew, []string{"members_by_user"}},
		"unread in all":       {unreadInAll, []string{"members_by_user", "messages_by_seq (conversation_id=? AND seq>?)"}},
		"unread by time":      {unreadByTime, []string{"conversations_by_time", "PRIMARY KEY (conversation_id=? AND user_id=?)"}},
		"rarely changed":      {rarelyChangedQuery, []string{"conversations_by_time"}},
		"unread by user":      {unreadByUser, []string{"members_by_user", "PRIMARY KEY (conversation_id=? AND user_id=?)"}},
		"few memberships":     {fewOfUser, []string{"members_by_user"}},
		"memberships among":   {amongQuery, []string{"PRIMARY KEY (conversation_id=? AND user_id=?)"}},
		"members by a seq":    {membersByConversation, []string{"(conversation_id=?"}},
		"members of a room":   {membersByRoom, []string{"(conversation_id=?"}},
		"conversations":       {listQuery, []string{"COVERING INDEX messages_by_seq (conversation_id=? AND seq>?)", "members_by_user"}},
		"new conversations":   {newQuery, []string{"members_by_user"}},
		"reactions":           {reactionsQuery, []string{"PRIMARY KEY (message_id=?"}},
		"found messages":      {foundQuery, []string{"INTEGER PRIMARY KEY (rowid=?)", "PRIMARY KEY (conversation_id=? AND user_id=?)"}},
		"listed messages":     {listedQuery, []string{"m USING INDEX sqlite_autoindex_messages_1 (id=?)"}},
		"members":             {membersQuery, []string{"members_by_age (conversation_id=?)"}},
		"bans":                {bansQuery, []string{"PRIMARY KEY (conversation_id=? AND user_id>?)"}},
		"who came":            {cameQuery, []string{"members_by_age (conversation_id=? AND joined_seq=?)"}},
		"repeated sends":      {sentQuery, []string{"messages_by_client_msg_id"}},
		"client ids":          {usedQuery, []string{"messages_by_client_msg_id"}},
		"access to a message": {standingQuery, []string{"(id=?)"}},
	}
}
