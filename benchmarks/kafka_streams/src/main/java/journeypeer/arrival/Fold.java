package journeypeer.arrival;

import java.time.Instant;
import java.util.Map;
import java.util.Set;
import journeypeer.Channels;
import journeypeer.Rules;
import journeypeer.Touchpoint;

/**
 * The fold of the default definition, in the order of arrival: stage, score with expiry and limits a day, counts, channels.
 *
 * <p>What it does less than ours: it keeps no history, so a touchpoint that comes late is folded where it comes and one that comes
 * twice counts twice; it knows no identity (an anonymous visitor and the user whom they turn out to be stay two); a deal moves nobody
 * but itself; nothing is taken back; no deadline strikes (inactivity, SLA); no reasons are kept beyond the touchpoint that set a
 * transition off; there are no lead cycles and no read models; a channel is found by a few rules instead of GA4's; bodies are not
 * validated.
 */
public final class Fold {
    private static final long SECOND = 1_000_000L;
    private static final long DAY = 86_400 * SECOND;
    private static final long SESSION_IDLE = 1_800 * SECOND;
    private static final int LEDGER_MAX = 200;

    private static final Map<String, Integer> RANK =
            Map.of("", 0, "awareness", 1, "consideration", 2, "decision", 3, "post_purchase", 4, "lost", -1, "churned", -1, "recycled", -1);
    private static final Touchpoint.Data NOTHING = new Touchpoint.Data();

    /** A person entered a stage. */
    public record Transition(String person, String from, String to, long at, String source, String because, int score) {}

    /** `state` after `touch`, changed in place; the transition that it brought about, or null. */
    public static Transition fold(State state, Touchpoint touch) {
        long at = micros(touch.time);
        Touchpoint.Data data = touch.data == null ? NOTHING : touch.data;
        state.seenAt = Math.max(state.seenAt, at);
        state.counts.merge(touch.type, 1, Integer::sum);
        if (touch.subject.startsWith("deal:")) {
            deal(state, touch.type, data);
            return null;
        }
        if (!touch.subject.startsWith("user:") && !touch.subject.startsWith("anon:")) return null;
        touched(state, touch.type, data, at);
        state.ledger.removeIf(one -> one.until() < at);
        Rules.score(touch.type, data.intent, data.outcome, data.status, data.url,
                (rule, points, days, timesMax) -> points(state, rule, points, days, timesMax, at));
        if (touch.type.equals("content_view") || touch.type.equals("content_download") || touch.type.equals("event_attended")) {
            state.content.add(at);
            if (state.content.size() > 3) state.content.remove(0);
        }
        if (data.deal != null) deal(state, touch.type, data);
        String next = next(state, touch.type, data);
        if (next == null) return null;
        Transition transition = new Transition(touch.subject, state.stage, next, at, touch.source, touch.id, state.score());
        state.stage = next;
        state.enteredAt = at;
        return transition;
    }

    private static void deal(State state, String type, Touchpoint.Data data) {
        if (data.deal == null) return;
        switch (type) {
            case "deal_opened", "deal_reopened" -> state.deals.put(data.deal, "open " + data.stage + " " + data.amount);
            case "deal_updated" -> state.deals.merge(data.deal, "open " + data.stage, (before, now) -> before.startsWith("open") ? now : before);
            case "close" -> state.deals.put(data.deal, data.outcome + " " + data.amount);
            default -> { }
        }
    }

    /** Keep the session going, and the channel by which a person came first and last. */
    private static void touched(State state, String type, Touchpoint.Data data, long at) {
        boolean named = data.channel != null || data.utm_source != null || data.click_id != null;
        boolean starts = named;
        if (Rules.SESSION.contains(type)) {
            starts |= at - SESSION_IDLE > state.sessionAt;
            state.sessionAt = at;
        }
        if (!starts) return;
        String channel = Channels.channel(type, data.channel, data.utm_medium, data.utm_source, data.click_id, data.referrer);
        if (state.firstChannel.isEmpty()) state.firstChannel = channel;
        state.lastChannel = channel;
    }

    private static void points(State state, String rule, int points, int days, int timesMax, long at) {
        if (timesMax > 0) {
            int today = (int) Math.floorDiv(at, DAY);
            State.Daily before = state.daily.get(rule);
            int times = before != null && before.day() == today ? before.times() + 1 : 1;
            if (times > timesMax) return;
            state.daily.put(rule, new State.Daily(today, times));
        }
        if (state.ledger.size() < LEDGER_MAX) state.ledger.add(new State.Points(at + days * DAY, points));
    }

    /** The stage that a touchpoint leads into, or null. The last stages are tried first. */
    private static String next(State state, String type, Touchpoint.Data data) {
        int rank = RANK.getOrDefault(state.stage, 0);
        boolean out = rank < 0;
        String dealNow = "close".equals(type) ? data.outcome : "deal_opened".equals(type) || "deal_reopened".equals(type) ? "open" : null;
        if (!out && (type.equals("lead_recycled") || type.equals("lead_rejected")) && rank < 4) return "recycled";
        if (rank == 4 && type.equals("contract_ended")) return "churned";
        if (!out && rank < 4 && (type.equals("lead_disqualified") || "lost".equals(dealNow) || "abandoned".equals(dealNow))) return "lost";
        boolean bought = type.equals("order_placed") || type.equals("subscription_started")
                || type.equals("custom") && "purchase".equals(data.name) || "won".equals(dealNow);
        if (bought) return rank < 4 ? "post_purchase" : null;
        if ("open".equals(dealNow) && rank < 3) return "decision";
        if (!out && rank < 3 && (type.equals("proposal_sent") || type.equals("negotiation"))) return "decision";
        boolean asks = type.equals("form_submitted") && data.intent != null && Rules.ASKING.contains(data.intent) || type.equals("trial_started")
                || (type.equals("meeting") || type.equals("demo")) && "held".equals(data.status);
        if (asks && rank < 2) return "consideration";
        if (!out && rank < 2) {
            boolean three = state.content.size() == 3 && state.content.get(2) - state.content.get(0) <= 14 * DAY;
            if (three || type.equals("need_stated") || type.equals("lead_qualified") || state.score() >= 40) return "consideration";
        }
        if (out && Rules.BACK_AGAIN.contains(type)) return "awareness";
        if (rank == 0 && !out) {
            boolean first = Rules.FIRST_CONTACT.contains(type) || type.equals("message") && "in".equals(data.direction)
                    || type.equals("call") && "connected".equals(data.outcome);
            if (first) return "awareness";
        }
        return null;
    }

    private static long micros(String time) {
        Instant instant = Instant.parse(time);
        return instant.getEpochSecond() * SECOND + instant.getNano() / 1_000;
    }

    private Fold() {}
}
