package slacksim

// methods is the Web API. Scopes named here are the ones any of which lets a
// token in; methods whose scope depends on the kind of channel check again.
var methods map[string]*method

func init() { // a literal would be an initialisation cycle: run -> record -> methods
	methods = map[string]*method{}
	read := []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	history := []string{"channels:history", "groups:history", "im:history", "mpim:history"}
	write := []string{"chat:write"}
	for _, m := range []*method{
		{name: "api.test", token: noToken, run: apiTest},
		{name: "auth.test", token: anyToken, run: authTest},
		{name: "apps.connections.open", tier: 3, token: appToken, scopes: []string{"connections:write"}, run: connectionsOpen},
		{name: "blocks.validate", tier: 3, run: blocksValidate},
		{name: "bots.info", tier: 3, scopes: []string{"users:read"}, run: botsInfo},
		{name: "team.info", tier: 3, scopes: []string{"team:read"}, run: teamInfo},

		{name: "chat.postMessage", scopes: write, run: postMessage},
		{name: "chat.update", tier: 3, scopes: write, run: updateMessage},
		{name: "chat.delete", tier: 3, scopes: write, run: deleteMessage},
		{name: "chat.postEphemeral", tier: 4, scopes: write, run: postEphemeral},
		{name: "chat.getPermalink", run: getPermalink},
		{name: "chat.scheduleMessage", tier: 3, scopes: write, run: scheduleMessage},
		{name: "chat.deleteScheduledMessage", tier: 3, scopes: write, run: deleteScheduled},
		{name: "chat.scheduledMessages.list", tier: 3, run: listScheduled},

		{name: "conversations.info", tier: 3, scopes: read, run: conversationInfo},
		{name: "conversations.list", tier: 2, scopes: read, run: conversationList},
		{name: "conversations.members", tier: 4, scopes: read, run: conversationMembers},
		{name: "conversations.join", tier: 3, scopes: []string{"channels:join"}, run: conversationJoin},
		{name: "conversations.leave", tier: 3, scopes: []string{"channels:manage", "channels:join", "groups:write"}, run: conversationLeave},
		{name: "conversations.open", tier: 3, scopes: []string{"im:write", "mpim:write"}, run: conversationOpen},
		{name: "conversations.history", tier: 3, scopes: history, run: conversationHistory},
		{name: "conversations.replies", tier: 3, scopes: history, run: conversationReplies},

		{name: "users.info", tier: 4, scopes: []string{"users:read"}, run: userInfo},
		{name: "users.list", tier: 2, scopes: []string{"users:read"}, run: userList},
		{name: "users.lookupByEmail", tier: 3, scopes: []string{"users:read.email"}, run: userByEmail},
		{name: "users.conversations", tier: 3, scopes: read, run: userConversations},
		{name: "usergroups.list", tier: 2, scopes: []string{"usergroups:read"}, run: groupList},
		{name: "usergroups.users.list", tier: 2, scopes: []string{"usergroups:read"}, run: groupUsers},

		{name: "reactions.add", tier: 3, scopes: []string{"reactions:write"}, run: reactionAdd},
		{name: "reactions.remove", tier: 2, scopes: []string{"reactions:write"}, run: reactionRemove},
		{name: "reactions.get", tier: 3, scopes: []string{"reactions:read", "reactions:write"}, run: reactionGet},

		{name: "views.open", tier: 4, run: viewOpen},
		{name: "views.push", tier: 4, run: viewPush},
		{name: "views.update", tier: 4, run: viewUpdate},
		{name: "views.publish", tier: 4, run: viewPublish},
	} {
		methods[m.name] = m
	}
}

func apiTest(_ *Workspace, c *call) (object, error) {
	args := object{}
	for name, value := range c.texts() {
		args[name] = value
	}
	if code := c.str("error"); code != "" {
		return nil, &apiError{code: code, extra: object{"args": args}}
	}
	return object{"args": args}, nil
}

func authTest(w *Workspace, c *call) (object, error) {
	answer := object{
		"url": c.base + "/", "team": w.cfg.Team.Name, "team_id": w.cfg.Team.ID,
		"is_enterprise_install": false, "app_id": w.app.ID, "app_name": w.app.Name,
	}
	if w.cfg.Team.Enterprise != "" {
		answer["enterprise_id"] = w.cfg.Team.Enterprise
	}
	if c.token == w.cfg.BotToken {
		answer["user"], answer["user_id"], answer["bot_id"] = w.app.UserName, w.app.UserID, w.app.BotID
	}
	return answer, nil
}

func botsInfo(w *Workspace, c *call) (object, error) {
	if b := c.str("bot"); b != "" && b != w.app.BotID {
		return nil, fail("bot_not_found")
	}
	return object{"bot": w.botProfile()}, nil
}

func (w *Workspace) botProfile() object {
	return object{
		"id": w.app.BotID, "app_id": w.app.ID, "user_id": w.app.UserID, "name": w.app.Name, "team_id": w.cfg.Team.ID,
		"deleted": false, "updated": 1700000000, "icons": object{},
	}
}

func teamInfo(w *Workspace, c *call) (object, error) {
	t := w.cfg.Team
	if id := c.str("team"); id != "" && id != t.ID {
		return nil, fail("team_not_found")
	}
	return object{"team": object{
		"id": t.ID, "name": t.Name, "domain": t.Domain, "url": c.base + "/", "email_domain": "example.com", "icon": object{"image_default": true},
	}}, nil
}

func connectionsOpen(w *Workspace, c *call) (object, error) {
	ticket := w.hub.ticket(c.base)
	url := "ws" + c.base[len("http"):] + "/link/?ticket=" + ticket + "&app_id=" + w.faults.appOfToken(w.app.ID)
	return object{"url": url}, nil
}

func blocksValidate(w *Workspace, c *call) (object, error) {
	var found []problem
	given := 0
	for _, name := range []string{"blocks", "view", "message"} {
		v, ok, err := c.value(name)
		if !ok {
			continue
		}
		given++
		if err != nil {
			return nil, fail("invalid_json")
		}
		found = validateAs(name, v)
	}
	if given != 1 {
		return nil, invalidArguments("[ERROR] must provide exactly one of blocks, view, message")
	}
	if found == nil {
		found = []problem{}
	}
	return object{"valid": len(found) == 0, "errors": found}, nil
}

// validateAs checks the argument of blocks.validate.
func validateAs(name string, value any) []problem {
	v := newValidator(inMessage, shortID)
	o, _ := value.(object)
	switch name {
	case "blocks":
		if list, ok := value.([]any); ok {
			v.blocks("/blocks", list)
		} else {
			v.add("/blocks", "invalid_type", "array", "must provide an array")
		}
	case "view":
		v.surface = inModal
		if o["type"] == "home" {
			v.surface = inHome
		}
		v.view(o)
	case "message":
		list, _ := o["blocks"].([]any)
		v.blocks("/message/blocks", list)
	}
	return v.problems
}
