package slacksim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func plain(n int) string {
	return fmt.Sprintf(`{"type":"plain_text","text":%q}`, strings.Repeat("x", n))
}

func mrkdwn(n int) string {
	return fmt.Sprintf(`{"type":"mrkdwn","text":%q}`, strings.Repeat("é", n)) // code points, not bytes
}

func times(n int, s string) string {
	return strings.TrimSuffix(strings.Repeat(s+",", n), ",")
}

func option(text, value int) string {
	return fmt.Sprintf(`{"text":%s,"value":%q}`, plain(text), strings.Repeat("v", value))
}

func button(members string) string {
	return `{"type":"button","text":` + plain(5) + members + `}`
}

func actions(elements string) string {
	return `[{"type":"actions","elements":[` + elements + `]}]`
}

// TestMessageBlocks walks Slack's limits: at the limit is fine, one more is not.
func TestMessageBlocks(t *testing.T) {
	h := open(t)
	for name, row := range map[string]struct{ blocks, want string }{
		"50 blocks":        {"[" + times(50, `{"type":"divider"}`) + "]", ""},
		"51 blocks":        {"[" + times(51, `{"type":"divider"}`) + "]", "no more than 50 items allowed [json-pointer:/blocks]"},
		"same block_id":    {`[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`, "already exists [json-pointer:/blocks/1/block_id]"},
		"block_id of 256":  {`[{"type":"divider","block_id":"` + strings.Repeat("x", 256) + `"}]`, "must be less than 256 characters [json-pointer:/blocks/0/block_id]"},
		"unknown block":    {`[{"type":"marquee"}]`, "unsupported type: marquee [json-pointer:/blocks/0/type]"},
		"agent block":      {`[{"type":"alert"}]`, "unsupported type: alert"},
		"no type":          {`[{}]`, "missing required field: type"},
		"a text":           {`["x"]`, "must provide an object [json-pointer:/blocks/0]"},
		"unknown member":   {`[{"type":"divider","wide":true}]`, "invalid additional property: wide [json-pointer:/blocks/0]"},
		"section 3000":     {`[{"type":"section","text":` + mrkdwn(3000) + `}]`, ""},
		"section 3001":     {`[{"type":"section","text":` + mrkdwn(3001) + `}]`, "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		"empty text":       {`[{"type":"section","text":` + plain(0) + `}]`, "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		"empty section":    {`[{"type":"section"}]`, "missing required field: text"},
		"emoji in mrkdwn":  {`[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`, "invalid additional property: emoji"},
		"verbatim":         {`[{"type":"section","text":{"type":"plain_text","text":"x","verbatim":true}}]`, "invalid additional property: verbatim"},
		"10 fields":        {`[{"type":"section","fields":[` + times(10, mrkdwn(900)) + `]}]`, ""},
		"11 fields":        {`[{"type":"section","fields":[` + times(11, mrkdwn(1)) + `]}]`, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		"field 2001":       {`[{"type":"section","fields":[` + mrkdwn(2001) + `]}]`, "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		"header 150":       {`[{"type":"header","text":` + plain(150) + `}]`, ""},
		"header 151":       {`[{"type":"header","text":` + plain(151) + `}]`, "must be less than 151 characters"},
		"header mrkdwn":    {`[{"type":"header","text":` + mrkdwn(1) + `}]`, "[json-pointer:/blocks/0/text/type]"},
		"11 in context":    {`[{"type":"context","elements":[` + times(11, mrkdwn(1)) + `]}]`, "no more than 10 items allowed"},
		"context image":    {`[{"type":"context","elements":[{"type":"image","image_url":"https://example.com/a.png","alt_text":"a"}]}]`, ""},
		"25 buttons":       {actions(times(25, button(""))), ""},
		"26 buttons":       {actions(times(26, button(""))), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		"same action_id":   {actions(times(2, button(`,"action_id":"a"`))), "already exists for another element"},
		"button text 76":   {actions(`{"type":"button","text":` + plain(76) + `}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		"button value":     {actions(button(`,"value":"` + strings.Repeat("v", 2001) + `"`)), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"},
		"default style":    {actions(button(`,"style":"default"`)), "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"},
		"mrkdwn button":    {actions(`{"type":"button","text":` + mrkdwn(1) + `}`), "must be a valid text type"},
		"confirm":          {actions(button(`,"confirm":{"title":` + plain(100) + `,"text":` + mrkdwn(300) + `,"confirm":` + plain(30) + `,"deny":` + plain(30) + `}`)), ""},
		"confirm text 301": {actions(button(`,"confirm":{"title":` + plain(1) + `,"text":` + mrkdwn(301) + `,"confirm":` + plain(1) + `,"deny":` + plain(1) + `}`)), "must be less than 301 characters"},
		"confirm deny":     {actions(button(`,"confirm":{"title":` + plain(1) + `,"text":` + mrkdwn(1) + `,"confirm":` + plain(1) + `}`)), "missing required field: deny"},
		"overflow 5":       {actions(`{"type":"overflow","options":[` + times(5, option(75, 150)) + `]}`), ""},
		"overflow 6":       {actions(`{"type":"overflow","options":[` + times(6, option(1, 1)) + `]}`), "no more than 5 items allowed"},
		"option value 151": {actions(`{"type":"overflow","options":[` + option(1, 151) + `]}`), "must be less than 151 characters"},
		"select 101":       {actions(`{"type":"static_select","options":[` + times(101, option(1, 1)) + `]}`), "no more than 100 items allowed"},
		"input in actions": {actions(`{"type":"plain_text_input"}`), "unsupported type: plain_text_input"},
		"input":            {`[{"type":"input","label":` + plain(2000) + `,"element":{"type":"plain_text_input","max_length":3000}}]`, ""},
		"email in message": {`[{"type":"input","label":` + plain(5) + `,"element":{"type":"email_text_input"}}]`, "unsupported type: email_text_input"},
		"max_length 3001":  {`[{"type":"input","label":` + plain(5) + `,"element":{"type":"plain_text_input","max_length":3001}}]`, "must be between 1 and 3000"},
		"null element":     {`[{"type":"input","label":` + plain(5) + `,"element":null}]`, "must provide an object"},
		"image without":    {`[{"type":"image","alt_text":"x"}]`, "must provide exactly one of image_url, slack_file"},
		"rich text":        {`[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"<!channel>"}]}]}]`, ""},
		"rich text part":   {`[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"sound"}]}]}]`, "unsupported type: sound"},
		"markdown":         {`[{"type":"markdown","text":"` + strings.Repeat("x", 12_001) + `"}]`, "must be less than 12001 characters"},
		"two tables":       {"[" + times(2, `{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}`) + "]", "only one table allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := h.call(t, "chat.postMessage", `{"channel":"`+h.ChannelID("pki-approvals")+`","text":"x","blocks":`+row.blocks+`}`)
			if row.want == "" {
				require.Equal(t, true, answer["ok"], "%v", answer)
				return
			}
			require.Equal(t, "invalid_blocks", answer["error"])
			require.Contains(t, answer["errors"].([]any)[0], row.want)
			require.Contains(t, answer["response_metadata"].(map[string]any)["messages"].([]any)[0], "[ERROR] ")
		})
	}
	t.Run("too much text in all", func(t *testing.T) {
		answer := h.call(t, "chat.postMessage", `{"channel":"`+h.ChannelID("pki-approvals")+`","text":"x","blocks":[`+times(5, `{"type":"section","text":`+mrkdwn(2900)+`}`)+`]}`)
		require.Equal(t, "msg_blocks_too_long", answer["error"])
	})
}

func TestViewsAreChecked(t *testing.T) {
	h := open(t)
	base := func(change string) string {
		return `{"type":"modal","title":` + plain(24) + `,"blocks":[{"type":"divider"}]` + change + `}`
	}
	for name, row := range map[string]struct{ view, want string }{
		"fine":             {base(""), ""},
		"100 blocks":       {`{"type":"modal","title":` + plain(1) + `,"blocks":[` + times(100, `{"type":"divider"}`) + `]}`, ""},
		"101 blocks":       {`{"type":"modal","title":` + plain(1) + `,"blocks":[` + times(101, `{"type":"divider"}`) + `]}`, "no more than 100 items allowed"},
		"no blocks":        {`{"type":"modal","title":` + plain(1) + `,"blocks":[]}`, "no fewer than 1 items allowed"},
		"null blocks":      {`{"type":"modal","title":` + plain(1) + `,"blocks":null}`, "must provide an array"},
		"title 25":         {`{"type":"modal","title":` + plain(25) + `,"blocks":[{"type":"divider"}]}`, "must be less than 25 characters"},
		"no title":         {`{"type":"modal","blocks":[{"type":"divider"}]}`, "missing required field: title"},
		"private_metadata": {base(`,"private_metadata":"` + strings.Repeat("x", 3001) + `"`), "must be less than 3001 characters"},
		"callback_id":      {base(`,"callback_id":"` + strings.Repeat("x", 256) + `"`), "must be less than 256 characters"},
		"input, no submit": {`{"type":"modal","title":` + plain(1) + `,"blocks":[{"type":"input","label":` + plain(1) + `,"element":{"type":"plain_text_input"}}]}`, "missing required field: submit"},
		"email in a modal": {`{"type":"modal","title":` + plain(1) + `,"submit":` + plain(1) + `,"blocks":[{"type":"input","label":` + plain(1) + `,"element":{"type":"email_text_input"}}]}`, ""},
		"home":             {`{"type":"home","blocks":[{"type":"divider"}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := h.call(t, "blocks.validate", `{"view":`+row.view+`}`)
			require.Equal(t, true, answer["ok"])
			found := answer["errors"].([]any)
			if row.want == "" {
				require.Empty(t, found)
				return
			}
			require.Contains(t, found[0].(map[string]any)["message"], row.want)
			require.NotEmpty(t, found[0].(map[string]any)["pointer"])
		})
	}
	require.Equal(t, "invalid_arguments", h.call(t, "blocks.validate", `{}`)["error"])
}
