package journeypeer;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/** What the fold reads of a CloudEvent; the rest of the body is skipped by the parser. */
@JsonIgnoreProperties(ignoreUnknown = true)
public final class Touchpoint {
    public String id;
    public String source;
    public String type;
    public String subject;
    public String time;
    public Data data;

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static final class Data {
        public String amount;
        public String campaign;
        public String channel;
        public String click_id;
        public String deal;
        public String direction;
        public String intent;
        public String name;
        public String outcome;
        public String referrer;
        public String stage;
        public String status;
        public String url;
        public String utm_medium;
        public String utm_source;
    }
}
