package journeypeer.same;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import journeypeer.Touchpoint;

/** Which touchpoints are left out of every figure: bots, tests, and networks and agents that the definition excludes. */
final class Bots {
    private static final Pattern AGENTS = Pattern.compile(
            "bot\\b|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom|uptimerobot|statuscake|facebookexternalhit|bingpreview"
                    + "|mediapartners-google|python-requests|curl/|wget/|go-http-client",
            Pattern.CASE_INSENSITIVE);
    private static final Map<String, Boolean> ANSWERS = new ConcurrentHashMap<>();

    static boolean excludes(String type, Touchpoint.Data data) {
        if (data.bot || data.test) return true;
        boolean named = "internal".equals(data.network) || "datacenter".equals(data.network);
        if (named && !type.equals("social_engagement")) return true;
        return data.agent != null && ANSWERS.computeIfAbsent(data.agent, one -> AGENTS.matcher(one).find());
    }

    private Bots() {}
}
