package journeypeer;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.JsonNode;

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
        public String account;
        public String agent;
        public String amount;
        public boolean bot;
        public String campaign;
        public String channel;
        public String click_id;
        public String deal;
        public String direction;
        public String grade;
        public String intent;
        public String lead;
        public Boolean machine;
        public String name;
        public String network;
        public String of_id;
        public String of_source;
        public String other;
        public String outcome;
        /** Of a deal, who takes part; other types have texts here. */
        public JsonNode people;
        public String pipeline;
        public String reason;
        public String referrer;
        public String stage;
        public String status;
        public boolean test;
        public String url;
        public String utm_medium;
        public String utm_source;
    }
}
