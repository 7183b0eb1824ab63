package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

const (
	asJSON = "application/json; charset=utf-8"
	asForm = "application/x-www-form-urlencoded"
)

func TestTokens(t *testing.T) {
	h := open(t)
	for name, row := range map[string]struct{ method, contentType, token, body, want string }{
		"no token":                       {"auth.test", asForm, "", "", "not_authed"},
		"unknown token":                  {"auth.test", asForm, "xoxb-other", "", "invalid_auth"},
		"bot token in the header":        {"auth.test", asForm, h.BotToken(), "", ""},
		"bot token in the form":          {"auth.test", asForm, "", "token=" + h.BotToken(), ""},
		"JSON body needs the header":     {"auth.test", asJSON, "", `{"token":"` + h.BotToken() + `"}`, "not_authed"},
		"not in the query":               {"auth.test?token=" + h.BotToken(), asForm, "", "", "not_authed"},
		"bot token cannot open a socket": {"apps.connections.open", asForm, h.BotToken(), "", "not_allowed_token_type"},
		"app token opens a socket":       {"apps.connections.open", asForm, h.AppToken(), "", ""},
		"app token cannot post":          {"chat.postMessage", asForm, h.AppToken(), "", "not_allowed_token_type"},
		"unknown method":                 {"chat.shout", asForm, h.BotToken(), "", "unknown_method"},
		"broken JSON":                    {"auth.test", asJSON, h.BotToken(), `{`, "invalid_json"},
		"JSON that is no object":         {"auth.test", asJSON, h.BotToken(), `[]`, "json_not_object"},
		"strange content type":           {"auth.test", "text/csv", h.BotToken(), "a,b", "invalid_post_type"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := h.send(t, row.method, row.contentType, row.token, row.body)
			defer resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			var answer struct {
				OK    bool
				Error string
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
			require.Equal(t, row.want, answer.Error)
			require.Equal(t, row.want == "", answer.OK)
		})
	}
}

func TestScopes(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.Scopes = []string{"chat:write", "channels:history"} })
	resp := h.send(t, "auth.test", asForm, h.BotToken(), "")
	_ = resp.Body.Close()
	require.Equal(t, "chat:write,channels:history", resp.Header.Get("X-OAuth-Scopes"))

	resp = h.send(t, "users.info", asForm, h.BotToken(), "user="+h.UserID("ada"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, "users:read", resp.Header.Get("X-Accepted-OAuth-Scopes"))
	require.JSONEq(t, `{"ok":false,"error":"missing_scope","needed":"users:read","provided":"chat:write,channels:history"}`, string(body))

	// The scope for history depends on the kind of channel.
	answer := h.call(t, "conversations.history", `{"channel":"`+h.ChannelID("pki-private")+`"}`)
	require.Equal(t, "missing_scope", answer["error"])
	require.Equal(t, "groups:history", answer["needed"])
	answer = h.call(t, "conversations.history", `{"channel":"`+h.ChannelID("pki-approvals")+`"}`)
	require.Equal(t, true, answer["ok"])
}

func TestEmailNeedsItsScopeAndIsWithheldForOutsiders(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.Scopes = []string{"users:read"} })
	u, err := h.client.GetUserInfo(h.UserID("ada"))
	require.NoError(t, err)
	require.Empty(t, u.Profile.Email)

	h = open(t)
	u, err = h.client.GetUserInfo(h.UserID("ada"))
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", u.Profile.Email)
	u, err = h.client.GetUserByEmail("ADA@example.com")
	require.NoError(t, err)
	require.Equal(t, h.UserID("ada"), u.ID)
	for _, gone := range []string{"xena@example.com", "nobody@example.com", "otto@example.com"} {
		_, err = h.client.GetUserByEmail(gone)
		require.EqualError(t, err, "users_not_found")
	}
	u, err = h.client.GetUserInfo(h.UserID("otto"))
	require.NoError(t, err)
	require.Equal(t, "T0OUTSIDE", u.TeamID)
	require.Empty(t, u.Profile.Email)
	u, err = h.client.GetUserInfo(h.UserID("xena"))
	require.NoError(t, err)
	require.True(t, u.Deleted)
	u, err = h.client.GetUserInfo(h.UserID("gina"))
	require.NoError(t, err)
	require.True(t, u.IsRestricted)
	require.Equal(t, "Europe/Paris", u.TZ)

	all, err := h.client.GetUsers()
	require.NoError(t, err)
	for _, u := range all {
		require.NotEqual(t, h.UserID("otto"), u.ID, "lists leave outsiders out")
	}
}

func TestAuthTestAndTeam(t *testing.T) {
	h := open(t)
	who, err := h.client.AuthTest()
	require.NoError(t, err)
	require.Equal(t, h.AppInfo().UserID, who.UserID)
	require.Equal(t, h.AppInfo().BotID, who.BotID)
	require.Equal(t, "T0EXAMPLE", who.TeamID)
	require.Equal(t, h.url+"/", who.URL)
	bot, err := h.client.GetBotInfo(slack.GetBotInfoParameters{Bot: who.BotID})
	require.NoError(t, err)
	require.Equal(t, h.AppInfo().ID, bot.AppID)
	team, err := h.client.GetTeamInfo()
	require.NoError(t, err)
	require.Equal(t, "example", team.Domain)
}

func TestGroups(t *testing.T) {
	h := open(t)
	groups, err := h.client.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true))
	require.NoError(t, err)
	require.Len(t, groups, 2)
	require.Equal(t, "pki-approvers", groups[0].Handle)
	members, err := h.client.GetUserGroupMembers(groups[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{h.UserID("ada"), h.UserID("ben"), h.UserID("carol")}, members)
	require.NoError(t, h.SetGroup("@pki-approvers", "dan"))
	members, err = h.client.GetUserGroupMembers(groups[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{h.UserID("dan")}, members)
	_, err = h.client.GetUserGroupMembers("S0NONE")
	require.EqualError(t, err, "no_such_subteam")
}

func TestConversations(t *testing.T) {
	h := open(t)
	list := func(types ...string) (names []string) {
		cursor := ""
		for {
			page, next, err := h.client.GetConversations(&slack.GetConversationsParameters{Types: types, Cursor: cursor, Limit: 2, ExcludeArchived: true})
			require.NoError(t, err)
			for _, c := range page {
				names = append(names, c.Name)
			}
			if cursor = next; cursor == "" {
				return names
			}
		}
	}
	require.Equal(t, []string{"pki-approvals", "pki-revocations", "pki-escalation", "general", "partners-shared", "not-invited", "announcements"}, list("public_channel"))
	require.Equal(t, []string{"pki-private"}, list("private_channel"), "private ones only when the bot is inside")

	info := func(name string) *slack.Channel {
		c, err := h.client.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: h.ChannelID(name), IncludeNumMembers: true})
		require.NoError(t, err)
		return c
	}
	require.True(t, info("partners-shared").IsExtShared)
	require.True(t, info("archived-room").IsArchived)
	require.False(t, info("not-invited").IsMember)
	require.Equal(t, 8, info("pki-approvals").NumMembers)
	_, err := h.client.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: h.ChannelID("pki-board")})
	require.EqualError(t, err, "channel_not_found")

	members, _, err := h.client.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: h.ChannelID("partners-shared")})
	require.NoError(t, err)
	require.Contains(t, members, h.UserID("otto"))

	dm, _, already, err := h.client.OpenConversation(&slack.OpenConversationParameters{Users: []string{h.UserID("ada")}})
	require.NoError(t, err)
	require.True(t, already)
	require.Equal(t, h.DirectChannelID("ada"), dm.ID)
}

func TestJoinNeedsItsScopeAndSaysSoTwice(t *testing.T) {
	h := open(t)
	_, _, _, err := h.client.JoinConversation(h.ChannelID("not-invited"))
	require.ErrorContains(t, err, "missing_scope")

	h = open(t, func(c *slacksim.Config) { c.Scopes = append(slacksim.DefaultScopes(), "channels:join") })
	_, _, warnings, err := h.client.JoinConversation(h.ChannelID("not-invited"))
	require.NoError(t, err)
	require.Empty(t, warnings)
	_, warning, _, err := h.client.JoinConversation(h.ChannelID("not-invited"))
	require.NoError(t, err)
	require.Equal(t, "already_in_channel", warning)
	_, _, _, err = h.client.JoinConversation(h.ChannelID("pki-private"))
	require.EqualError(t, err, "method_not_supported_for_channel_type")
}

func TestURLsFollowTheHostHeader(t *testing.T) {
	h := open(t)
	ts := h.postCard(t)
	ask := func(method string, form url.Values, token string) map[string]any {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/"+method, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Host = "proxy.example.com:1234"
		req.Header.Set("Content-Type", asForm)
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var answer map[string]any
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
		require.Equal(t, true, answer["ok"])
		return answer
	}
	require.Regexp(t, `^wss://proxy\.example\.com:1234/link/\?ticket=.+&app_id=A0APPROVEBOT$`, ask("apps.connections.open", nil, h.AppToken())["url"])
	link := ask("chat.getPermalink", url.Values{"channel": {h.ChannelID("pki-approvals")}, "message_ts": {ts}}, h.BotToken())["permalink"].(string)
	require.Equal(t, "https://proxy.example.com:1234/archives/"+h.ChannelID("pki-approvals")+"/p"+strings.ReplaceAll(ts, ".", ""), link)

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(h.url + strings.TrimPrefix(link, "https://proxy.example.com:1234"))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, "/#channel="+h.ChannelID("pki-approvals")+"&ts="+ts, resp.Header.Get("Location"))
}

func TestWarnings(t *testing.T) {
	h := open(t)
	resp := h.send(t, "chat.postMessage", "application/json", h.BotToken(), `{"channel":"`+h.ChannelID("pki-approvals")+`","blocks":[{"type":"divider"}]}`)
	defer resp.Body.Close()
	var answer struct {
		Warning  string
		Metadata struct{ Warnings []string } `json:"response_metadata"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, "missing_charset,missing_text_in_message", answer.Warning)
	require.Len(t, answer.Metadata.Warnings, 2)
}
