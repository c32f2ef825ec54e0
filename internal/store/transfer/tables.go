package transfer

// Kind is what a column holds.
type Kind int

// Kinds, with the type that a value of each has in a row.
const (
	Text    Kind = iota // string
	Integer             // int64
	Boolean             // bool
	Bytes               // []byte
)

// Column is a column of a table. In a row, NULL is nil.
type Column struct {
	Name string
	Kind Kind
}

// Table is one that every driver has, with all that is not made of something else.
type Table struct {
	Name string
	// Key is how many of the columns, from the first on, tell rows apart.
	Key     int
	Columns []Column
}

func text(name string) Column    { return Column{name, Text} }
func integer(name string) Column { return Column{name, Integer} }
func boolean(name string) Column { return Column{name, Boolean} }
func raw(name string) Column     { return Column{name, Bytes} }

// Tables are all, in an order in which they can be filled: none refers to a later one. What is missing is made of these:
// what users are found by, what login names look like, the words of messages.
var Tables = []Table{
	{"users", 1, []Column{
		text("id"), text("name"), text("username"), text("issuer"), boolean("admin"), integer("created_at"), integer("last_seen_at"),
		integer("reassigned_at"), integer("disabled_at"), integer("switched_at"),
	}},
	{"local_accounts", 1, []Column{text("user_id"), text("username_key"), text("password_hash")}},
	{"sign_ins", 2, []Column{text("user_id"), text("address"), integer("at")}},
	{"friends", 2, []Column{text("user_a"), text("user_b"), integer("created_at")}},
	{"friend_requests", 2, []Column{text("sender_id"), text("receiver_id"), integer("created_at")}},
	{"blocks", 2, []Column{text("blocker_id"), text("blocked_id"), integer("created_at")}},
	{"revoked_users", 1, []Column{text("user_id"), integer("issued_by")}},
	{"revoked_tokens", 2, []Column{text("issuer"), text("token_id"), integer("until")}},
	{"api_keys", 1, []Column{text("id"), raw("hash"), text("name"), text("scopes"), integer("created_at"), integer("revoked_at")}},
	{"blocked_addresses", 1, []Column{text("address"), integer("until"), text("reason"), text("blocked_by"), integer("created_at")}},
	{"audit", 1, []Column{
		text("id"), integer("at"), text("by_kind"), text("by_id"), text("address"), text("action"), text("target"), text("detail"),
	}},
	{"conversations", 1, []Column{
		text("id"), text("kind"), integer("head_seq"), integer("first_seq"), integer("member_count"), integer("last_at"), integer("created_at"),
	}},
	{"rooms", 1, []Column{
		text("id"), text("conversation_id"), text("name"), text("description"), text("type"), integer("max_members"),
		boolean("allow_file_upload"), boolean("allow_voice_message"), integer("retention_ms"), text("created_by"), integer("created_at"),
	}},
	{"members", 2, []Column{text("conversation_id"), text("user_id"), text("role"), integer("joined_seq"), integer("joined_at")}},
	{"bans", 2, []Column{text("conversation_id"), text("user_id"), text("banned_by"), integer("banned_at")}},
	{"invites", 2, []Column{text("conversation_id"), text("user_id"), text("invited_by"), integer("invited_at")}},
	{"kicks", 2, []Column{text("conversation_id"), text("user_id"), integer("kicked_at")}},
	{"read_marks", 2, []Column{text("conversation_id"), text("user_id"), integer("seq"), integer("read_at")}},
	{"messages", 1, []Column{
		integer("ordinal"), text("conversation_id"), integer("seq"), text("id"), text("room_id"), text("recipient_id"), text("sender_id"), text("sender_name"),
		text("content"), text("type"), text("client_msg_id"), raw("fingerprint"), text("reply_to"), text("thread_id"), text("attachments"),
		text("mentions"), integer("created_at"), integer("edited_at"), integer("deleted_at"), integer("pinned_at"), text("pinned_by"),
	}},
	{"mentions", 3, []Column{text("user_id"), text("conversation_id"), integer("seq")}},
	{"reaction_groups", 3, []Column{
		text("conversation_id"), integer("message_seq"), text("emoji"), integer("count"), integer("first_seq"),
	}},
	{"reactions", 4, []Column{text("conversation_id"), integer("message_seq"), text("emoji"), text("user_id")}},
	{"changes", 2, []Column{
		text("conversation_id"), integer("seq"), text("kind"), text("message_id"), text("user_id"), text("actor_id"), integer("at"), text("detail"),
	}},
	{"jobs", 1, []Column{
		text("id"), text("kind"), integer("priority"), text("unique_key"), raw("payload"), text("cron"), text("state"), integer("run_at"),
		integer("attempts"), integer("lost"), text("error"), integer("created_at"), integer("ended_at"), text("lease"), integer("leased_until"),
		boolean("again"),
	}},
	{"paused_kinds", 1, []Column{text("kind")}},
	{"usage_counts", 2, []Column{text("unit"), integer("start"), integer("messages"), integer("users"), integer("rooms"), integer("pushes"), integer("push_failures")}},
	{"usage_active", 2, []Column{text("what"), text("id"), integer("day"), integer("previous")}},
	{"usage_progress", 1, []Column{integer("one"), integer("through")}},
	{"webhooks", 1, []Column{
		text("id"), text("url"), text("secret"), text("description"), text("events"), text("rooms"), text("old_secret"), integer("old_until"),
		integer("created_at"), text("created_by"), integer("failing_since"), integer("disabled_at"), text("disabled_why"),
	}},
	{"incoming_webhooks", 1, []Column{
		text("id"), raw("hash"), text("room_id"), text("bot_id"), text("name"), integer("created_at"), text("created_by"),
	}},
	{"webhook_deliveries", 3, []Column{
		text("webhook_id"), integer("at"), text("id"), text("event_id"), text("kind"), text("conversation_id"), integer("seq"), integer("attempt"),
		integer("status"), text("error"), text("outcome"), integer("took_ms"),
	}},
	{"scheduled_messages", 1, []Column{
		text("id"), text("author_id"), text("author_name"), text("conversation_id"), text("room_id"), text("recipient_id"), text("content"),
		text("type"), text("reply_to"), text("attachments"), text("client_msg_id"), raw("fingerprint"), integer("send_at"), integer("created_at"),
		integer("version"), text("failure_code"), text("failure_message"),
	}},
	{"broadcasts", 1, []Column{
		text("id"), text("kind"), text("unique_key"), integer("priority"), raw("spec"), raw("fingerprint"), integer("created_at"),
		integer("send_at"), text("state"), integer("step"), text("place"), integer("reached"), integer("missed"), text("failures"), text("error"),
		integer("started_at"), integer("ended_at"),
	}},
	{"push_keys", 1, []Column{integer("one"), raw("private"), integer("created_at")}},
	{"push_subscriptions", 1, []Column{
		text("id"), text("user_id"), text("type"), text("address"), raw("public_key"), raw("auth"), integer("created_at"),
	}},
	{"push_settings", 2, []Column{
		text("user_id"), text("conversation_id"), text("level"), integer("muted_until"), integer("quiet_from"), integer("quiet_to"), text("time_zone"),
		boolean("without_content"),
	}},
	{"notifications", 2, []Column{
		text("user_id"), text("id"), integer("at"), text("conversation_id"), integer("seq"), text("results"), integer("read_at"),
	}},
	{"notification_contents", 1, []Column{text("id"), text("fields"), integer("at")}},
	{"files", 1, []Column{
		text("id"), text("owner_id"), text("state"), text("name"), text("metadata"), text("concat"), integer("length"), integer("received"),
		text("parts"), text("type"), integer("size"), text("blob"), boolean("processed"), text("details"), text("variants"), integer("created_at"),
		integer("expires_at"),
	}},
	{"file_uses", 3, []Column{text("conversation_id"), integer("seq"), text("file_id")}},
}
