package journeypeer;

import java.util.Set;

/** What both folds know of the default definition. */
public final class Rules {
    public static final Set<String> FIRST_CONTACT = Set.of(
            "page_view", "page_engaged", "content_view", "content_download", "ad_click", "email_clicked", "social_engagement",
            "event_registered", "event_attended", "form_started", "form_submitted", "referral", "survey_answered", "signed_up",
            "product_viewed", "cart_updated", "checkout_started", "lead_created");
    public static final Set<String> BACK_AGAIN = Set.of(
            "page_view", "content_view", "content_download", "ad_click", "email_clicked", "social_engagement", "event_registered",
            "event_attended", "form_started", "form_submitted", "referral", "signed_up", "product_viewed", "cart_updated");
    public static final Set<String> SESSION = Set.of(
            "page_view", "page_engaged", "content_view", "content_download", "form_started", "form_submitted", "product_viewed",
            "cart_updated", "checkout_started", "ad_click", "signed_up", "trial_started");
    public static final Set<String> ASKING = Set.of("contact", "demo", "trial");

    /** Told of points that a touchpoint is worth; `timesMax` 0: however often it comes in a day. */
    public interface Scored {
        void points(String rule, int points, int days, int timesMax);
    }

    public static void score(String type, String intent, String outcome, String status, String url, Scored to) {
        switch (type) {
            case "form_submitted" -> {
                if ("demo".equals(intent)) to.points("asked-for-a-demo", 30, 90, 0);
                else if ("contact".equals(intent)) to.points("asked-for-contact", 25, 90, 0);
                else if ("trial".equals(intent)) to.points("asked-for-a-trial", 25, 90, 0);
                else if ("newsletter".equals(intent)) to.points("newsletter", 5, 90, 0);
            }
            case "trial_started" -> to.points("trial", 25, 60, 0);
            case "content_download" -> to.points("download", 10, 60, 20);
            case "content_view" -> to.points("article", 2, 30, 6);
            case "page_view" -> {
                if (url != null && url.toLowerCase().contains("/pricing")) to.points("pricing-page", 5, 30, 10);
            }
            case "email_clicked" -> to.points("email-click", 5, 30, 10);
            case "event_attended" -> to.points("event", 15, 90, 0);
            case "call" -> {
                if ("connected".equals(outcome)) to.points("talked", 10, 60, 10);
            }
            case "meeting", "demo" -> {
                if ("held".equals(status)) to.points("met", 20, 90, 20);
            }
            case "product_used" -> to.points("used-the-product", 3, 30, 9);
            case "email_unsubscribed", "email_complained" -> to.points("unsubscribed", -20, 180, 0);
            default -> { }
        }
    }

    private Rules() {}
}
