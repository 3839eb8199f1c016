package journeypeer.same;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import journeypeer.Channels;
import journeypeer.Rules;
import journeypeer.same.Journey.Counted;
import journeypeer.same.Journey.Cycle;
import journeypeer.same.Journey.Daily;
import journeypeer.same.Journey.Deal;
import journeypeer.same.Journey.Points;
import journeypeer.same.Journey.Transition;

/** The fold of the default definition over one person's history: `journey/person.py` by hand, as far as stages rest on it. */
final class Fold {
    private static final long SECOND = 1_000_000L;
    private static final long DAY = 86_400 * SECOND;
    private static final long SESSION_IDLE = 1_800 * SECOND;
    private static final long NEVER = 1L << 53;
    private static final int CONTENT_TIMES = 3;
    private static final long CONTENT_WITHIN = 14 * DAY;
    private static final int CYCLES_MAX = 100;
    private static final int EVIDENCE_MAX = 1_000;

    private static final Set<String> ACTIVITY = Set.of(
            "page_view", "page_engaged", "ad_click", "email_opened", "email_clicked", "social_engagement", "content_view",
            "content_download", "event_registered", "event_attended", "form_started", "form_submitted", "survey_answered", "referral",
            "signed_up", "trial_started", "product_used", "product_viewed", "cart_updated", "checkout_started", "message", "call",
            "meeting", "demo", "need_stated", "objection_raised", "negotiation", "order_placed", "subscription_started",
            "subscription_changed", "renewal", "support_ticket", "custom");
    private static final Set<String> CONTENT = Set.of("content_view", "content_download", "event_attended");
    private static final Set<String> LEAD_TYPES = Set.of(
            "lead_created", "lead_assigned", "lead_accepted", "lead_rejected", "lead_recycled", "lead_disqualified", "lead_scored",
            "lead_qualified");
    private static final Set<String> DEAL_TYPES = Set.of("deal_opened", "deal_updated", "deal_reopened", "close");
    /** By pipeline, the stages of deals that are open; by "", those of deals without one. */
    private static final Map<String, Set<String>> OPEN_STAGES = Map.of(
            "new_business", Set.of("discovery", "evaluation", "proposal", "negotiation"),
            "expansion", Set.of("discovery", "proposal"),
            "", Set.of("discovery", "evaluation", "proposal", "negotiation"));
    private static final Set<String> BEFORE_SALE = Set.of("awareness", "consideration", "decision");

    private final Journey journey;
    private Touch touch;
    private boolean scored;
    private boolean counted;
    private String dealNow = "";
    private final Set<String> leadSteps = new HashSet<>();

    Fold(Journey journey) {
        this.journey = journey;
    }

    void fold(Touch touch) {
        this.touch = touch;
        journey.seen = touch;
        if (touch.excluded) return;
        long at = touch.at;
        if (at > journey.quietUntil) strikeBefore(at);
        journey.now = at;
        journey.ledger.removeIf(one -> one.until() < at);
        scored = counted = false;
        dealNow = "";
        leadSteps.clear();
        boolean own = journey.ids.contains(touch.subject);
        if (own) {
            touched();
            score();
        }
        if (isMilestone()) place(at);
        if (CONTENT.contains(touch.type)) count();
        deal();
        if (own) lead();
        stage();
        if (ACTIVITY.contains(touch.type) && !isNotActivity()) journey.activeAt = at;
    }

    private String said(int text) {
        return touch.texts[text];
    }

    private boolean says(int text, String value) {
        return value.equals(touch.texts[text]);
    }

    private boolean isNotActivity() {
        return switch (touch.type) {
            case "message" -> says(Touch.DIRECTION, "out");
            case "call" -> says(Touch.DIRECTION, "out") && !says(Touch.OUTCOME, "connected");
            case "meeting", "demo" -> !says(Touch.STATUS, "held");
            case "email_opened" -> touch.machine;
            default -> false;
        };
    }

    /** Whether it is a step that is counted: it takes a place among what happens at its instant. */
    private boolean isMilestone() {
        return switch (touch.type) {
            case "signed_up", "trial_started", "checkout_started", "proposal_sent" -> true;
            case "demo" -> says(Touch.STATUS, "held");
            default -> false;
        };
    }

    private void touched() {
        boolean starts = said(Touch.CHANNEL) != null || said(Touch.UTM_SOURCE) != null || said(Touch.CLICK_ID) != null;
        if (Rules.SESSION.contains(touch.type)) {
            starts |= touch.at - SESSION_IDLE > journey.sessionAt;
            journey.sessionAt = touch.at;
        }
        if (!starts) return;
        String channel = Channels.channel(
                touch.type, said(Touch.CHANNEL), said(Touch.UTM_MEDIUM), said(Touch.UTM_SOURCE), said(Touch.CLICK_ID), said(Touch.REFERRER));
        if (journey.firstChannel.isEmpty()) journey.firstChannel = channel;
        journey.lastChannel = channel;
    }

    // --- scores and counts

    private void score() {
        Rules.score(touch.type, said(Touch.INTENT), said(Touch.OUTCOME), said(Touch.STATUS), said(Touch.URL), this::points);
    }

    private void points(String rule, int points, int days, int timesMax) {
        if (timesMax > 0) {
            long today = Math.floorDiv(touch.at, DAY);
            Daily before = journey.daily.get(rule);
            int times = before != null && before.day() == today ? before.times() + 1 : 1;
            if (times > timesMax) return;
            journey.daily.put(rule, new Daily(today, times));
        }
        journey.ledger.add(new Points(touch.at + days * DAY, points));
        scored = true;
    }

    private void count() {
        List<Counted> content = journey.content;
        content.add(new Counted(touch.at, touch.source, touch.id, touch.subject));
        content.removeIf(one -> one.at() < touch.at - CONTENT_WITHIN);
        if (content.size() > EVIDENCE_MAX) content.remove(0);
        counted = true;
    }

    // --- deals and leads

    private void deal() {
        if (!DEAL_TYPES.contains(touch.type)) return;
        String deal = said(Touch.DEAL);
        Deal known = journey.deals.get(deal);
        boolean opens = touch.type.equals("deal_opened");
        String turn = turn(known);
        if (known == null && turn.isEmpty()) turn = "open";
        boolean closes = !turn.isEmpty() && !turn.equals("open");
        int cycle = known == null ? 0 : known.cycle();
        if (known == null || !known.isOpened()) {
            // What comes before a lead, and neither opens nor closes, ties the deal to none.
            if (opens || closes) cycle = cycleOfDeal(opens ? said(Touch.LEAD) : null);
        }
        String outcome = turn.isEmpty() ? known.outcome() : turn;
        String pipeline = opens ? said(Touch.PIPELINE) : known == null ? "" : known.pipeline();
        journey.deals.put(deal, new Deal(outcome, cycle, opens || known != null && known.isOpened(), pipeline == null ? "" : pipeline));
        if (turn.isEmpty()) return;
        dealNow = turn;
        journey.quietUntil = Journey.NOT_YET;
        if (closes) for (Cycle one : journey.cycles) if (one.number == cycle && one.isOpen()) step(one, "closed", "closed");
    }

    /** The outcome that the deal comes to, where that is news: a closed one is open again by `deal_reopened`, or a stage of open deals. */
    private String turn(Deal known) {
        if (touch.type.equals("close")) return said(Touch.OUTCOME);
        if (known == null || known.outcome().equals("open")) return "";
        if (touch.type.equals("deal_reopened")) return "open";
        boolean opens = touch.type.equals("deal_opened");
        if (opens && !known.isOpened()) return "";
        String pipeline = opens ? said(Touch.PIPELINE) : known.pipeline(), stage = said(Touch.STAGE);
        return stage != null && OPEN_STAGES.getOrDefault(pipeline == null ? "" : pipeline, Set.of()).contains(stage) ? "open" : "";
    }

    private void lead() {
        if (LEAD_TYPES.contains(touch.type)) {
            leadTouch();
        } else if (touch.type.equals("form_submitted") && asks() && openCycle() < 0) {
            open("");
        }
        if (journey.cycles.isEmpty()) return;
        if (touch.type.equals("lead_qualified")) {
            int index = cycleOf(said(Touch.LEAD));
            if (index >= 0 && !journey.cycles.get(index).isQualified) {
                Cycle cycle = journey.cycles.get(index);
                cycle.isQualified = true;
                step(cycle, "qualified", "qualified");
            }
        }
        int index = openCycle();
        if (index < 0 || journey.cycles.get(index).isMql) return;
        boolean isNew = leadSteps.contains("created"), byScore = journey.score() >= 50, byForm = touch.type.equals("form_submitted") && says(Touch.INTENT, "demo");
        if (byForm || byScore && (scored || isNew)) makeMql(journey.cycles.get(index));
    }

    private boolean asks() {
        return said(Touch.INTENT) != null && Rules.ASKING.contains(said(Touch.INTENT));
    }

    private void leadTouch() {
        String lead = said(Touch.LEAD);
        if (opensCycle(lead)) open(lead == null ? "" : lead);
        int index = cycleOf(lead);
        if (index < 0) return;
        Cycle cycle = journey.cycles.get(index);
        if (lead != null && !lead.isEmpty() && cycle.lead.isEmpty()) cycle.lead = lead;
        switch (touch.type) {
            case "lead_scored" -> {
                if (says(Touch.GRADE, "mql") && cycle.isOpen() && !cycle.isMql) makeMql(cycle);
            }
            case "lead_assigned" -> step(cycle, "assigned", null);
            case "lead_accepted" -> step(cycle, "accepted", "accepted");
            case "lead_rejected" -> step(cycle, "rejected", "rejected");
            case "lead_recycled" -> step(cycle, "recycled", "recycled");
            case "lead_disqualified" -> step(cycle, "disqualified", "disqualified");
            default -> { }
        }
    }

    private boolean opensCycle(String lead) {
        boolean may = touch.type.equals("lead_created") || touch.type.equals("lead_assigned") || touch.type.equals("lead_accepted");
        return may && openCycle() < 0; // The default definition lets no cycle expire, so there is no late answer to one.
    }

    private void open(String lead) {
        Cycle cycle = new Cycle();
        cycle.number = ++journey.cyclesBefore;
        cycle.lead = lead;
        journey.cycles.add(cycle);
        if (journey.cycles.size() > CYCLES_MAX) journey.cycles.remove(0);
        step(cycle, "created", null);
    }

    private void makeMql(Cycle cycle) {
        cycle.isMql = true;
        step(cycle, "mql", null);
    }

    private void step(Cycle cycle, String step, String status) {
        if (status != null) {
            boolean stays = !cycle.isOpen() && isOpen(status) || cycle.status.equals("qualified") && status.equals("accepted");
            if (!stays) cycle.status = status;
        }
        leadSteps.add(step);
        journey.quietUntil = Journey.NOT_YET;
        place(touch.at);
    }

    private static boolean isOpen(String status) {
        return status.equals("created") || status.equals("accepted") || status.equals("qualified");
    }

    private int openCycle() {
        for (int index = journey.cycles.size() - 1; index >= 0; index--) if (journey.cycles.get(index).isOpen()) return index;
        return -1;
    }

    private int cycleOf(String lead) {
        int open = openCycle(), named = withId(lead);
        if (named >= 0 && (open < 0 || journey.cycles.get(named).isOpen() || !journey.cycles.get(open).lead.isEmpty())) return named;
        return open >= 0 ? open : journey.cycles.size() - 1;
    }

    /** The number of the cycle that a deal belongs to; 0 for none. */
    private int cycleOfDeal(String lead) {
        boolean isNamed = lead != null && !lead.isEmpty();
        int index = isNamed ? withId(lead) : journey.cycles.size() - 1;
        if (isNamed && index < 0) index = withId("");
        return index < 0 ? 0 : journey.cycles.get(index).number;
    }

    private int withId(String lead) {
        for (int index = journey.cycles.size() - 1; index >= 0; index--) if (journey.cycles.get(index).lead.equals(lead)) return index;
        return -1;
    }

    // --- stages

    private int place(long at) {
        journey.moved = journey.movedAt == at ? journey.moved + 1 : 0;
        journey.movedAt = at;
        return journey.moved;
    }

    private void enter(String stage, long at, String rule, boolean byTime) {
        String left = journey.stage;
        journey.stage = stage;
        journey.enteredAt = at;
        journey.quietUntil = Journey.NOT_YET;
        int nth = place(at);
        String source = byTime ? "" : touch.source, id = byTime ? "" : touch.id, subject = byTime ? "" : touch.subject;
        journey.transitions.add(new Transition(stage, at, nth, left, rule, source, id, subject));
    }

    /** The first rule that holds and that the touchpoint counts in; the last stages are tried first. */
    private void stage() {
        String stage = journey.stage, type = touch.type;
        boolean beforeSale = BEFORE_SALE.contains(stage), none = stage.isEmpty();
        boolean out = stage.equals("lost") || stage.equals("churned") || stage.equals("recycled");
        if (beforeSale) {
            if (leadSteps.contains("recycled")) { to("recycled", "recycled-by-sales"); return; }
            if (type.equals("lead_rejected") && says(Touch.REASON, "not_ready")) { to("recycled", "rejected-as-not-ready"); return; }
        }
        if (stage.equals("post_purchase") && type.equals("contract_ended")) { to("churned", "contract-ended"); return; }
        if (beforeSale && (dealNow.equals("lost") || dealNow.equals("abandoned")) && !journey.hasOpenDeal()) { to("lost", "deal-lost"); return; }
        if ((beforeSale || stage.equals("recycled")) && leadSteps.contains("disqualified")) { to("lost", "disqualified"); return; }
        boolean won = dealNow.equals("won");
        boolean bought = type.equals("order_placed") || type.equals("subscription_started") || type.equals("custom") && says(Touch.NAME, "purchase");
        if (none || beforeSale) {
            if (won) { to("post_purchase", "deal-won"); return; }
            if (bought) { to("post_purchase", "bought"); return; }
        }
        if (out) {
            if (won) { to("post_purchase", "deal-won-after-all"); return; }
            if (bought) { to("post_purchase", "bought-after-all"); return; }
        }
        boolean early = none || stage.equals("awareness") || stage.equals("consideration"), opened = dealNow.equals("open");
        if (early) {
            if (opened) { to("decision", "deal-open"); return; }
            if (type.equals("proposal_sent")) { to("decision", "proposal"); return; }
            if (type.equals("negotiation")) { to("decision", "negotiation"); return; }
        }
        if (out && opened) { to("decision", "new-deal"); return; }
        boolean asked = type.equals("form_submitted") && asks() || type.equals("trial_started");
        boolean talked = (type.equals("meeting") || type.equals("demo")) && says(Touch.STATUS, "held");
        if (none || stage.equals("awareness")) {
            if (counted && journey.content.size() >= CONTENT_TIMES) { to("consideration", "three-pieces-of-content"); return; }
            if (asked) { to("consideration", "demo-or-trial-asked-for"); return; }
            if (talked) { to("consideration", "conversation"); return; }
            if (type.equals("need_stated")) { to("consideration", "need-stated"); return; }
            if (scored && journey.score() >= 40) { to("consideration", "score-of-40"); return; }
            if (leadSteps.contains("qualified")) { to("consideration", "qualified-by-sales"); return; }
        }
        if (out && (asked || talked)) { to("consideration", "back-by-asking"); return; }
        if (none) {
            boolean first = Rules.FIRST_CONTACT.contains(type) || type.equals("message") && says(Touch.DIRECTION, "in")
                    || type.equals("call") && says(Touch.OUTCOME, "connected");
            if (first) { to("awareness", "first-contact"); return; }
        }
        if (out && Rules.BACK_AGAIN.contains(type)) to("awareness", "back-again");
    }

    private void to(String stage, String rule) {
        enter(stage, touch.at, rule, false);
    }

    // --- what time brings

    /** What is due at `at` itself comes after the touchpoints of that instant. */
    private void strikeBefore(long at) {
        long due;
        while ((due = nextDue()) < at) {
            String rule = switch (journey.stage) {
                case "recycled" -> "silent-after-recycling";
                case "post_purchase" -> "silent-customer";
                default -> "silent";
            };
            journey.now = due;
            enter(journey.stage.equals("post_purchase") ? "churned" : "lost", due, rule, true);
        }
        journey.quietUntil = due;
    }

    /** When inactivity moves the person, if nothing more happens. */
    private long nextDue() {
        int days = switch (journey.stage) {
            case "awareness", "consideration", "decision" -> 90;
            case "recycled", "post_purchase" -> 365;
            default -> 0;
        };
        if (days == 0 || journey.hasOpenDeal()) return NEVER;
        return Math.max(journey.now, Math.max(journey.activeAt, journey.enteredAt) + days * DAY);
    }
}
