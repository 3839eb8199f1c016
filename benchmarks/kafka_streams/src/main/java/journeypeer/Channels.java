package journeypeer;

/** By which channel somebody came, by a few rules instead of GA4's. */
public final class Channels {
    public static String channel(String type, String stated, String utmMedium, String utmSource, String clickId, String referrer) {
        if (stated != null) return stated;
        if (type.startsWith("email_")) return "Email";
        if (utmMedium != null) {
            String medium = utmMedium.toLowerCase();
            if (medium.contains("cp") || medium.startsWith("paid")) {
                return medium.contains("social") || isSocial(utmSource) ? "Paid Social" : "Paid Search";
            }
            return switch (medium) {
                case "email" -> "Email";
                case "display", "banner", "cpm" -> "Display";
                case "affiliate", "affiliates" -> "Affiliates";
                case "social" -> "Organic Social";
                case "organic" -> "Organic Search";
                case "referral" -> "Referral";
                default -> "Unassigned";
            };
        }
        if (clickId != null) return clickId.startsWith("g") || clickId.startsWith("ms") ? "Paid Search" : "Paid Social";
        if (type.equals("ad_click") || type.equals("ad_impression")) return "Paid Other";
        if (referrer == null) return "Direct";
        if (referrer.contains("google") || referrer.contains("bing")) return "Organic Search";
        return isSocial(referrer) ? "Organic Social" : "Referral";
    }

    private static boolean isSocial(String where) {
        return where != null && (where.contains("linkedin") || where.contains("facebook") || where.contains("meta") || where.contains("t.co"));
    }

    private Channels() {}
}
